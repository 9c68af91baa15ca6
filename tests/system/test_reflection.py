"""Reflection of a real server, as grpcurl, buf and ghz use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from tests.system.server import WAIT_S, Server

SERVICES = [
    "batchcalls.v1.BatchCallsService",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
]
VERSIONS = pytest.mark.parametrize("version", ["v1", "v1alpha"])


def answers(server: Server, version: str, *asked: ServerReflectionRequest) -> list[Any]:
    """What one stream of reflection answers. Both versions have the same bytes."""
    with grpc.insecure_channel(server.address) as channel:
        ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=ServerReflectionRequest.SerializeToString,
            response_deserializer=ServerReflectionResponse.FromString,
        )
        return list(ask(iter(asked), timeout=WAIT_S))


def files(server: Server, version: str, symbol: str) -> Iterator[FileDescriptorProto]:
    """The file of a symbol, and all that it imports."""
    request = ServerReflectionRequest(file_containing_symbol=symbol)
    (answer,) = answers(server, version, request)
    assert answer.HasField("file_descriptor_response"), f"{symbol}: {answer}"
    for file in answer.file_descriptor_response.file_descriptor_proto:
        yield FileDescriptorProto.FromString(file)


@VERSIONS
def test_a_tool_sees_every_service_with_its_methods(server: Server, version: str) -> None:
    """Each service that is listed can be described, and so can each of its methods by name."""
    (answer,) = answers(server, version, ServerReflectionRequest(list_services=""))
    assert [each.name for each in answer.list_services_response.service] == SERVICES
    for service in SERVICES:
        described = next(
            found
            for file in files(server, version, service)
            for found in file.service
            if f"{file.package}.{found.name}" == service
        )
        for method in described.method:
            assert list(files(server, version, f"{service}.{method.name}"))


@VERSIONS
@pytest.mark.parametrize(
    "name", ["batchcalls.v1.ErrorReason", "batchcalls.v1.WarningReason", "google.rpc.ErrorInfo"]
)
def test_a_tool_can_look_up_what_answers_hold(server: Server, version: str, name: str) -> None:
    """Reasons and details of errors too, which no request or response refers to."""
    found = set()
    for file in files(server, version, name):
        found |= {f"{file.package}.{message.name}" for message in file.message_type}
        found |= {f"{file.package}.{enum.name}" for enum in file.enum_type}
    assert name in found


def test_the_files_of_the_service_are_whole(server: Server) -> None:
    """A client that has nothing but them can build every message."""
    given = list(files(server, "v1", SERVICES[0]))
    assert {name for file in given for name in file.dependency} < {file.name for file in given}


@VERSIONS
def test_what_is_not_there_is_said_so(server: Server, version: str) -> None:
    """The stream goes on after an answer of NOT_FOUND."""
    unknown = ServerReflectionRequest(file_containing_symbol="batchcalls.v1.Nothing")
    first, second = answers(server, version, unknown, ServerReflectionRequest(list_services=""))
    assert first.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert second.HasField("list_services_response")
