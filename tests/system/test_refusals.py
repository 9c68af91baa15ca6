"""Requests that nobody makes in good order: methods, bytes, ids and tokens that are none.

Each is refused in the service's own form, as far as gRPC leaves that to us.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from batchcalls.api.paging import list_scope, page_token
from batchcalls.client.channel import MAX_MESSAGE_BYTES
from batchcalls.v1 import batch_calls_service_pb2 as messages
from tests.system.asking import detail, reason, status_of
from tests.system.requests import batch
from tests.system.server import WAIT_S, Server

SERVICE = messages.DESCRIPTOR.services_by_name["BatchCallsService"]


def refusal(server: Server, method: str, request: bytes) -> grpc.RpcError:
    """How the server ends an RPC with these bytes for a request."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(server.address, options=options) as channel:
        ask: Any = channel.unary_stream(method)  # its types want functions for the bytes
        with pytest.raises(grpc.RpcError) as caught:
            list(ask(request, timeout=WAIT_S))
        return caught.value


def path(name: str) -> str:
    return f"/{SERVICE.full_name}/{name}"


@pytest.mark.parametrize("method", [path("Nope"), "/other.v1.Service/Nope", "/" + "n" * 5_000])
def test_an_unknown_method_is_refused_in_our_form(server: Server, method: str) -> None:
    """A client of a newer version learns that the server is the one who doesn't know."""
    refused = refusal(server, method, b"anything")
    assert refused.code() is grpc.StatusCode.UNIMPLEMENTED
    info = detail(status_of(refused), ErrorInfo)
    assert (info.reason, info.domain) == ("UNKNOWN_METHOD", "batchcalls")


@pytest.mark.parametrize("data", [b"\x09", b"\x05ab", b"\x02\xff\xfe"])
@pytest.mark.parametrize("method", sorted(SERVICE.methods_by_name))
def test_a_request_that_cannot_be_read_is_refused_in_our_form(
    server: Server, method: str, data: bytes
) -> None:
    """A text that ends too soon, or isn't UTF-8: the client's fault, in every RPC."""
    fields = SERVICE.methods_by_name[method].input_type.fields
    number = next(field.number for field in fields if field.type == field.TYPE_STRING)
    refused = refusal(server, path(method), bytes([number << 3 | 2]) + data)
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(refused) == "UNREADABLE_REQUEST"


def test_a_message_above_the_limit_is_refused_by_grpc_itself(server: Server) -> None:
    """Nothing of ours sees it, so it has no details; the code is what clients go by."""
    refused = refusal(server, path("SubmitBatch"), bytes(MAX_MESSAGE_BYTES + 1))
    assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not refused.trailing_metadata()


def methods_about_an_id() -> Iterator[tuple[str, str]]:
    """Every RPC that is about one thing, and the field that names it."""
    for method in SERVICE.methods:
        fields = method.input_type.fields_by_name
        if method.name != "SubmitBatch":  # there the server may choose
            yield from ((method.name, name) for name in ("batch_id", "call_id") if name in fields)


IDS = pytest.mark.parametrize(("method", "field"), list(methods_about_an_id()))


def about(method: str, field: str, given: str) -> bytes:
    request = getattr(messages, f"{method}Request")(**{field: given})
    return bytes(request.SerializeToString())


@IDS
def test_an_id_is_required(server: Server, method: str, field: str) -> None:
    """A forgotten id is named as such, and isn't a thing that can't be found."""
    refused = refusal(server, path(method), about(method, field, ""))
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    violations = detail(status_of(refused), BadRequest).field_violations
    assert [(each.field, each.reason) for each in violations] == [(field, "INVALID_FIELD")]


@IDS
@pytest.mark.parametrize("letter", ["x", "é", "\U0001f4de", "\0"])
def test_a_monstrous_id_is_not_found_and_not_sent_back(
    server: Server, method: str, field: str, letter: str
) -> None:
    """Its beginning is enough: trailers are small, and so are logs of clients."""
    refused = refusal(server, path(method), about(method, field, letter * 100_000))
    assert refused.code() is grpc.StatusCode.NOT_FOUND
    assert len(refused.details() or "") < 200


@pytest.mark.parametrize("cursor", ["abc", "-1", "9" * 19, "9" * 400, "9" * 5_000, "1.5", "\0"])
def test_a_forged_token_is_refused(server: Server, cursor: str) -> None:
    """Also one whose digest fits, which anybody can make who has read the code."""
    of_batches = page_token(cursor, list_scope("ListBatches", "default", ()))
    of_calls = page_token(cursor, list_scope("ListCalls", "default", a_batch(server), (), ()))
    requests = {
        "ListBatches": messages.ListBatchesRequest(page_token=of_batches),
        "ListCalls": messages.ListCallsRequest(batch_id=a_batch(server), page_token=of_calls),
    }
    for method, request in requests.items():
        refused = refusal(server, path(method), request.SerializeToString())
        assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason(refused) == "INVALID_PAGE_TOKEN"


def a_batch(server: Server) -> str:
    """The id of a batch that is there, always the same."""
    request = batch()
    request.request_id = "forged-tokens"
    with server.stub() as stub:
        return stub.SubmitBatch(request).batch.batch_id


@pytest.mark.parametrize("cursor", ["1", "9" * 18])
def test_a_place_that_nobody_was_led_to_is_only_a_place(server: Server, cursor: str) -> None:
    """A token that was made up well leads into a list that may be read anyway."""
    token = page_token(cursor, list_scope("ListBatches", "default", ()))
    with server.stub() as stub:
        stub.ListBatches(messages.ListBatchesRequest(page_token=token))
