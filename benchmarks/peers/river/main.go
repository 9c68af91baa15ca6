// The work of the bench in River, as its guides set it up for throughput: jobs inserted by COPY,
// PostgreSQL's notifications, the client's own batches of completions, and fetches as close to
// each other as one wants. benchmarks/peers/errand.py says what is read and told.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	fetchCooldown     = 1 * time.Millisecond
	fetchPollInterval = 5 * time.Millisecond
	connections       = 10
	lookAgain         = time.Millisecond
)

var errBusy = errors.New("busy")

type errand struct {
	Database    string  `json:"database"`
	Up          int     `json:"up"`
	TalkS       float64 `json:"talk_s"`
	DelayS      float64 `json:"delay_s"`
	MaxAttempts int     `json:"max_attempts"`
	Busy        []int   `json:"busy"`
}

type report struct {
	Seconds   float64 `json:"seconds"`
	Completed int     `json:"completed"`
	Failed    int     `json:"failed"`
	Dials     int64   `json:"dials"`
}

type call struct {
	Index int `json:"index"`
}

func (call) Kind() string { return "call" }

// The phone: it dials people, and counts. over is closed when each call had its last dial.
type phone struct {
	river.WorkerDefaults[call]
	errand errand
	dials  atomic.Int64
	ended  atomic.Int64
	over   chan struct{}
}

func (p *phone) Work(_ context.Context, job *river.Job[call]) error {
	busy := job.Attempt <= p.errand.Busy[job.Args.Index]
	if !busy {
		time.Sleep(seconds(p.errand.TalkS))
	}
	p.dials.Add(1)
	if !busy || job.Attempt == p.errand.MaxAttempts {
		if p.ended.Add(1) == int64(len(p.errand.Busy)) {
			close(p.over)
		}
	}
	if busy {
		return errBusy
	}
	return nil
}

func (p *phone) NextRetry(*river.Job[call]) time.Time {
	return time.Now().Add(seconds(p.errand.DelayS))
}

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	input := bufio.NewReader(os.Stdin)
	var told errand
	if err := readLine(input, &told); err != nil {
		return err
	}
	pool, err := connect(ctx, told.Database)
	if err != nil {
		return err
	}
	dialed := &phone{errand: told, over: make(chan struct{})}
	client, err := start(ctx, pool, dialed)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if word, err := input.ReadString('\n'); err != nil || word != "go\n" {
		return errors.New("nobody is there any more")
	}
	done, err := work(ctx, pool, client, dialed)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(done); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, input)
	return err
}

func readLine(input *bufio.Reader, into *errand) error {
	line, err := input.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

func connect(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = connections
	return pgxpool.NewWithConfig(ctx, config)
}

func start(ctx context.Context, pool *pgxpool.Pool, dialed *phone) (*river.Client[pgx.Tx], error) {
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, dialed)
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown:     fetchCooldown,
		FetchPollInterval: fetchPollInterval,
		// A failed attempt is logged as a warning; here a third of them fail.
		Logger:      slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1})),
		MaxAttempts: dialed.errand.MaxAttempts,
		Queues:      map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: dialed.errand.Up}},
		Workers:     workers,
	})
	if err != nil {
		return nil, err
	}
	return client, client.Start(ctx)
}

func work(
	ctx context.Context, pool *pgxpool.Pool, client *river.Client[pgx.Tx], dialed *phone,
) (*report, error) {
	calls := len(dialed.errand.Busy)
	jobs := make([]river.InsertManyParams, calls)
	for index := range jobs {
		jobs[index] = river.InsertManyParams{Args: call{Index: index}}
	}
	began := time.Now()
	if _, err := client.InsertManyFast(ctx, jobs); err != nil {
		return nil, err
	}
	<-dialed.over
	found := report{}
	for found.Completed+found.Failed < calls {
		err := pool.QueryRow(ctx, `
			SELECT count(*) FILTER (WHERE state = 'completed'), count(*) FILTER (WHERE state = 'discarded')
			FROM river_job`).Scan(&found.Completed, &found.Failed)
		if err != nil {
			return nil, err
		}
		found.Seconds = time.Since(began).Seconds()
		time.Sleep(lookAgain)
	}
	found.Dials = dialed.dials.Load()
	return &found, nil
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}
