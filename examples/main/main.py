"""A server that says which versions it runs on."""

import platform

import fastapi

app = fastapi.FastAPI()


@app.get("/")
def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "fastapi": fastapi.__version__}
