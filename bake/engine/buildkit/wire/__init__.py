"""The wire contract with BuildKit: the messages and fields used, nothing generated (reference/buildkit-grpc.md)."""
