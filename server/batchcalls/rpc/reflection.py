"""Reflection: what tools ask a server for, when they have no proto files.

It serves ``grpc.reflection.v1`` and its elder, ``v1alpha``, which are alike but for the name.
grpcio-reflection knows only the elder, and finds no methods, by whose names tools ask: both are
added here. What can be found is what a client may meet, errors and their details included, and
not whatever this process happened to import.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc
import grpc.aio
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToJson, Parse
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from batchcalls.v1 import batch_calls_service_pb2, error_pb2

_V1: Final = "grpc.reflection.v1.ServerReflection"
_SERVED: Final = (batch_calls_service_pb2, health_pb2, reflection_pb2)
_MET_IN_ERRORS: Final = (error_pb2, status_pb2, error_details_pb2)


class Symbols:
    """A pool of descriptors that finds methods too."""

    def __init__(self, files: Iterable[FileDescriptor]) -> None:
        self._pool = DescriptorPool()
        self._names: set[str] = set()
        for file in files:
            self._add(file)
        self._pool.AddSerializedFile(_v1_file().SerializeToString())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, name: str) -> FileDescriptor:  # noqa: N802 - as pools have it
        """The file that declares ``name``. Raises ``KeyError``."""
        service, _, method = name.rpartition(".")
        try:
            methods = self._pool.FindServiceByName(service).methods_by_name
        except KeyError:
            return self._pool.FindFileContainingSymbol(name)
        return methods[method].containing_service.file

    def _add(self, file: FileDescriptor) -> None:
        if file.name in self._names:
            return
        self._names.add(file.name)
        for dependency in file.dependencies:
            self._add(dependency)
        self._pool.AddSerializedFile(file.serialized_pb)


def add_reflection(server: grpc.aio.Server) -> None:
    """Let ``server`` tell of its services, in both versions."""
    served = [name for module in _SERVED for name in _services(module.DESCRIPTOR)]
    files = [module.DESCRIPTOR for module in (*_SERVED, *_MET_IN_ERRORS)]
    servicer = reflection.aio.ReflectionServicer([*served, _V1], pool=Symbols(files))
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    methods = {"ServerReflectionInfo": handler}
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(name, methods)
            for name in (_V1, reflection.SERVICE_NAME)
        ]
    )


def _services(file: FileDescriptor) -> list[str]:
    return [service.full_name for service in file.services_by_name.values()]


def _v1_file() -> FileDescriptorProto:
    """The file of ``v1``: that of ``v1alpha`` with the other name in it."""
    elder = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(elder)
    return Parse(MessageToJson(elder).replace("v1alpha", "v1"), FileDescriptorProto())
