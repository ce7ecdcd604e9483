"""The application: the page on which letters are drawn, and the routes that read and correct them."""

import asyncio
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jinja2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route

from jaxletters.core.errors import UserError, printable
from jaxletters.data import images
from jaxletters.demo import answers, corrections
from jaxletters.demo.corrections import Corrections
from jaxletters.demo.guard import Guard, refusal
from jaxletters.reading import doubts
from jaxletters.reading.classifier import Classifier

_PACKAGE = Path(__file__).parents[1]
# That of the letters in the commands that the page suggests.
_FOLDER = Path("my_hand")
# The page loads nothing from elsewhere, and no other page may frame it.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def build(
    classifier: Classifier, host: str, reader: Path | None = None, folder: Path | None = None
) -> Starlette:
    """Returns the application.

    `GET /` is the page. `POST /read` takes the bytes of a picture file and returns an `answers.Answer`. With
    a folder, `POST /correct?class=A` saves the bytes of an image there, see `Corrections.save`, and returns
    `{"saved": NAME}`; `DELETE /correct/NAME` deletes it. Errors are `{"error": "one line"}`: status 413 for
    a body that is too large, 422 for one that is no picture or for another class, 404 for a name that was
    not saved.

    Args:
        classifier: reads handwriting of 28x28 pixels.
        host: the host name that requests may use, besides localhost and addresses.
        reader: the run or bundle of the classifier, for the commands on the page; None for the reader that
            the package ships.
        folder: where corrected letters are saved; None saves none.
    """
    names = corrections.names(classifier)
    page = _page(classifier, names, reader, folder)

    async def show(request: Request) -> HTMLResponse:  # noqa: ARG001, Starlette's signature
        return HTMLResponse(page, headers={"content-security-policy": _POLICY})

    routes = [Route("/", show), _reading_route(classifier)]
    if folder is not None:
        routes += _correction_routes(Corrections(folder, names))
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, host=host)],
        exception_handlers={
            UserError: _on_user_error,
            HTTPException: _on_http_error,
            Exception: _on_failure,
        },
    )


def _reading_route(classifier: Classifier) -> Route:
    # One picture at a time: the network uses all cores, and a large photograph needs a gigabyte.
    pool = ThreadPoolExecutor(1, "read")

    async def read(request: Request) -> JSONResponse:
        picture = await _body(request, images.MOST_BYTES)
        if isinstance(picture, JSONResponse):
            return picture
        answer = asyncio.get_running_loop().run_in_executor(
            pool, answers.answer, classifier, picture
        )
        return JSONResponse(await answer)

    return Route("/read", read, methods=["POST"])


def _correction_routes(kept: Corrections) -> list[Route]:
    async def correct(request: Request) -> JSONResponse:
        image = await _body(request, corrections.MOST_BYTES)
        if isinstance(image, JSONResponse):
            return image
        class_name = request.query_params.get("class", "")
        return JSONResponse({"saved": await asyncio.to_thread(kept.save, image, class_name)})

    async def undo(request: Request) -> JSONResponse:
        name: str = request.path_params["name"]
        if not await asyncio.to_thread(kept.remove, name):
            return refusal(404, f"expected a letter saved since the start, found {printable(name)}")
        return JSONResponse({"removed": name})

    return [
        Route("/correct", correct, methods=["POST"]),
        Route("/correct/{name}", undo, methods=["DELETE"]),
    ]


async def _body(request: Request, most_bytes: int) -> bytes | JSONResponse:
    """Returns the body of a request, or the refusal of one that is too large or incomplete."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most_bytes:
                most = f"{most_bytes >> 20} MiB" if most_bytes >> 20 else f"{most_bytes >> 10} KiB"
                return refusal(
                    413, f"expected a picture of at most {most}, found a larger one; reduce it"
                )
    except ClientDisconnect:
        return refusal(400, "expected a picture, found the beginning of one")
    return bytes(body)


def _page(
    classifier: Classifier, names: tuple[str, ...], reader: Path | None, folder: Path | None
) -> str:
    """Returns the page, in the colours of the reports."""
    # By path: a PackageLoader imports the package `report` and Matplotlib with it.
    folders = [_PACKAGE / "demo" / "templates", _PACKAGE / "report" / "templates"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        title="Write a few lines",
        name=classifier.name,
        most_bytes=images.MOST_BYTES,
        tells_case=doubts.tells_case(classifier.class_names),
        class_names=names,
        folder=None if folder is None else str(folder),
        keep=_command("demo", reader, "--corrections", folder or _FOLDER),
        # An ensemble is taught by teaching one of its networks.
        teach=_command("teach", reader, "--from", folder or _FOLDER)
        if classifier.members == 1
        else "",
    )


def _command(name: str, reader: Path | None, option: str, folder: Path) -> str:
    """Returns a command line of jaxletters for a shell."""
    named = [] if reader is None else [str(reader)]
    return shlex.join(["jaxletters", name, *named, option, str(folder)])


async def _on_user_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    return refusal(422, str(error))


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    line = f"{error.detail}: {request.method} {printable(request.scope['path'])}"
    return refusal(error.status_code, line, error.headers)


async def _on_failure(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    # The server closes the connection after this answer; the client must not reuse it.
    return refusal(
        500, "something went wrong here; the terminal says what", {"connection": "close"}
    )
