// The work of the bench in graphile-worker, as its page on performance sets it up: a local queue,
// and completions in batches. benchmarks/peers/errand.py says what is read and told.
//
// Its own retries come after exp(attempts) seconds, which nobody can set. So a busy call adds the
// next attempt as a job of its own, 100 ms later: what its users do who need another delay.

import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Logger, makeWorkerUtils, run } from "graphile-worker";

const CONNECTIONS = 10;
const POLL_INTERVAL_MS = 20;
const LOOK_AGAIN_MS = 5;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const errand = JSON.parse((await lines.next()).value);
const calls = errand.busy.length;

let dials = 0;
let completed = 0;
let ended = 0;
let finish;
const over = new Promise((resolve) => (finish = resolve));

async function call({ index, attempt }, helpers) {
  const busy = attempt <= errand.busy[index];
  if (!busy) await sleep(errand.talk_s * 1000);
  dials += 1;
  if (busy && attempt < errand.max_attempts) {
    const runAt = new Date(Date.now() + errand.delay_s * 1000);
    await helpers.addJob("call", { index, attempt: attempt + 1 }, { runAt, maxAttempts: 1 });
    return;
  }
  completed += busy ? 0 : 1;
  ended += 1;
  if (ended === calls) finish();
  if (busy) throw new Error("busy");
}

// What completed is deleted; what failed for good stays.
async function left() {
  const { rows } = await utils.withPgClient((client) =>
    client.query(
      `SELECT count(*) FILTER (WHERE locked_at IS NULL AND attempts = max_attempts) AS failed,
              count(*) AS jobs
       FROM graphile_worker._private_jobs`,
    ),
  );
  return { failed: Number(rows[0].failed), jobs: Number(rows[0].jobs) };
}

const database = {
  connectionString: errand.database,
  maxPoolSize: CONNECTIONS,
  logger: new Logger(() => () => {}), // each busy call is an error to it
};
const utils = await makeWorkerUtils({ preset: { worker: database } });
await utils.migrate();
const runner = await run({
  taskList: { call },
  preset: {
    worker: {
      ...database,
      concurrentJobs: errand.up,
      pollInterval: POLL_INTERVAL_MS,
      localQueue: { size: errand.up + 1 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
});
runner.promise.catch((error) => {
  console.error(error);
  process.exit(1);
});

console.log("ready");
if ((await lines.next()).value !== "go") process.exit(1);
const jobs = errand.busy.map((_, index) => ({
  identifier: "call",
  payload: { index, attempt: 1 },
  maxAttempts: 1,
}));
const began = performance.now();
await utils.addJobs(jobs);
await over;
let found = await left();
while (found.jobs > found.failed) {
  await sleep(LOOK_AGAIN_MS);
  found = await left();
}
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ seconds, completed, failed: found.failed, dials }));
