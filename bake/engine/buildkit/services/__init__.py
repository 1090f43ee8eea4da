"""What a builder may ask us in a session, one service a module (reference/buildkit-grpc.md §3)."""
