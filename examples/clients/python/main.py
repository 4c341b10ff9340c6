"""Submits a workflow, waits for its end, prints its logs and outcome."""

import os
import pathlib
import sys

import grpc
from grpc_status import rpc_status

from colchis.v1 import common_pb2, logs_pb2, logs_pb2_grpc, workflows_pb2, workflows_pb2_grpc


def connect():
    """A channel that sends the token with every call; plain on loopback, TLS elsewhere."""
    address = os.environ.get("COLCHIS_ADDRESS", "127.0.0.1:2746").removeprefix("http://")
    token = os.environ.get("COLCHIS_TOKEN", "")
    if not token:
        sys.exit("COLCHIS_TOKEN is not set: the server says at its start where its token is kept")
    if address.startswith("https://"):
        credentials = grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), grpc.access_token_call_credentials(token))
        return grpc.secure_channel(address.removeprefix("https://"), credentials)
    return grpc.intercept_channel(grpc.insecure_channel(address), Bearer(token))


class Bearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds the token to calls over a plain channel, where gRPC's own credentials do not go."""

    def __init__(self, token):
        self.metadata = ("authorization", f"Bearer {token}")

    def _with_token(self, details):
        return details._replace(metadata=[*(details.metadata or []), self.metadata])

    def intercept_unary_unary(self, call, details, request):
        return call(self._with_token(details), request)

    def intercept_unary_stream(self, call, details, request):
        return call(self._with_token(details), request)


def submit(workflows, manifest):
    """Creates the run."""
    submitted = workflows.Submit(workflows_pb2.SubmitRequest(manifest=manifest), timeout=30)
    for warning in submitted.warnings:
        print(f"warning: {warning.path}: {warning.message}", file=sys.stderr)
    return submitted


def wait(workflows, run):
    """The run's row at its end; the server answers from time to time that it still goes on."""
    while True:
        answer = workflows.Wait(workflows_pb2.WaitRequest(namespace=run.namespace, name=run.name))
        if answer.ended:
            return answer.workflow


def print_logs(logs, run):
    """What all its steps wrote."""
    request = logs_pb2.StreamLogsRequest(namespace=run.namespace, name=run.name)
    for message in logs.Stream(request):
        for line in message.entries:
            print(f"{line.node_name}: {line.text.decode(errors='replace')}")


def explain(error):
    """What the server says of an error: code, message, fields, hints."""
    status = rpc_status.from_call(error)
    detail = common_pb2.ErrorDetail()
    for packed in status.details if status else []:
        if packed.Unpack(detail):
            break
    print(f"error: {detail.message or error.details()} [{detail.code or error.code().name}]", file=sys.stderr)
    for violation in detail.violations:
        print(f"  {violation.path}: {violation.message}", file=sys.stderr)
    for hint in detail.hints:
        print(f"hint: {hint}", file=sys.stderr)


def main():
    default = pathlib.Path(__file__).parent.parent / "hello.json"
    manifest = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else default).read_bytes()
    with connect() as channel:
        workflows = workflows_pb2_grpc.WorkflowsStub(channel)
        try:
            run = submit(workflows, manifest)
            print(f"submitted {run.namespace}/{run.name}")
            row = wait(workflows, run)
            print_logs(logs_pb2_grpc.LogsStub(channel), run)
        except grpc.RpcError as error:
            explain(error)
            return 1
    phase = workflows_pb2.WorkflowPhase.Name(row.phase).removeprefix("WORKFLOW_PHASE_").capitalize()
    print(f"{row.name} {phase} {row.progress} {row.message}".rstrip())
    return 0 if row.phase == workflows_pb2.WORKFLOW_PHASE_SUCCEEDED else 2


if __name__ == "__main__":
    sys.exit(main())
