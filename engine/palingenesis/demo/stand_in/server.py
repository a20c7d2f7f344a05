"""The stand-in's server: the part of OpenCode's HTTP interface that a supervisor uses."""

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from palingenesis.demo import http11
from palingenesis.demo.http11 import Request
from palingenesis.demo.stand_in import shapes
from palingenesis.demo.stand_in.house import House, Pending, project_of
from palingenesis.demo.stand_in.store import Conversation
from palingenesis.demo.stand_in.turns import BadPromptError, Turns

Json = dict[str, Any]

HEARTBEAT_S = 10.0
WEB = "<!doctype html><title>OpenCode</title><p>The stand-in has no web interface."
CHALLENGE = {"www-authenticate": 'Basic realm="Secure Area"'}

Answer = bytes
Handler = Callable[["Server", Request, list[str]], Awaitable[Answer]]


class Server:
    """Answers requests about the conversations of one house."""

    def __init__(self, house: House, turns: Turns) -> None:
        self._house = house
        self._turns = turns

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the peer leaves."""
        try:
            while (request := await http11.read_request(reader)) is not None:
                if not self._is_admitted(request):
                    writer.write(http11.response(401, "", CHALLENGE))
                elif request.method == "GET" and request.path in ("/event", "/global/event"):
                    await self._stream(request, writer)
                    break
                else:
                    writer.write(await self._answer(request))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, http11.BadRequestError):
            pass  # the client's side is broken: there is nobody to tell
        finally:
            writer.close()

    def _is_admitted(self, request: Request) -> bool:
        settings = self._house.settings
        if settings.password is None:
            return True
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        given = token if kind == "Basic" else request.query.get("auth_token", "")
        wanted = base64.b64encode(f"{settings.user}:{settings.password}".encode())
        return hmac.compare_digest(given.encode(), wanted)

    async def _answer(self, request: Request) -> Answer:
        words = request.path.strip("/").split("/")
        for method, pattern, handler in _ROUTES:
            if method == request.method and (found := _match(pattern, words)) is not None:
                try:
                    return await handler(self, request, found)
                except (BadPromptError, http11.BadRequestError, ValueError) as error:
                    return _error(400, "BadRequestError", str(error))
                except LookupError as error:
                    return _error(404, "NotFoundError", str(error.args[0]))
        return http11.response(200, WEB, {"content-type": "text/html"})

    async def _stream(self, request: Request, writer: asyncio.StreamWriter) -> None:
        """Server-sent events: everything, or (on /event) those of one directory, unwrapped."""
        bus = self._house.bus
        is_global = request.path == "/global/event"
        directory = self._directory(request)
        headers = {"content-type": "text/event-stream", "cache-control": "no-cache",
                   "transfer-encoding": "chunked"}  # fmt: skip
        writer.write(http11.head(200, headers))
        with bus.listen() as queue:
            event: Json | None = bus.event("server.connected")
            while event is not None:
                place = event.get("directory", directory)
                if is_global or (place == directory and event["payload"]["type"] != "sync"):
                    shown = event if is_global else event["payload"]
                    writer.write(http11.chunk(f"data: {json.dumps(shown)}\n\n"))
                    await writer.drain()
                    if not is_global and shown["type"] == "server.instance.disposed":
                        break
                try:
                    async with asyncio.timeout(HEARTBEAT_S):
                        event = await queue.get()
                except TimeoutError:
                    event = bus.event("server.heartbeat")

    def _directory(self, request: Request) -> str:
        given = request.headers.get("x-opencode-directory")
        if given:
            return unquote(given)
        return request.query.get("directory") or str(self._house.settings.directory)

    def _conversation(self, id_: str) -> Conversation:
        found = self._house.store.get(id_)
        if found is None:
            raise LookupError(f"Session not found: {id_}")
        return found

    # -- the server itself -----------------------------------------------------------------

    async def health(self, _request: Request, _found: list[str]) -> Answer:
        """Alive, and honest about what it is."""
        return _ok({"healthy": True, "version": shapes.VERSION, "standIn": True})

    async def providers(self, _request: Request, _found: list[str]) -> Answer:
        """The configured models with their limits."""
        configured = self._house.settings.config.get("provider", {})
        entries = [shapes.provider(name, config) for name, config in configured.items()]
        default = {entry["id"]: next(iter(entry["models"]), "") for entry in entries}
        return _ok({"providers": entries, "default": default})

    async def config(self, _request: Request, _found: list[str]) -> Answer:
        """The configuration as it was understood."""
        return _ok(self._house.settings.config)

    async def dispose(self, request: Request, _found: list[str]) -> Answer:
        """Abort everything, mark it, and go on living."""
        await self._turns.abort_all()
        directory = self._directory(request)
        self._house.bus.publish(
            "server.instance.disposed", {"directory": directory},
            directory=directory, project=project_of(directory)["id"],
        )  # fmt: skip
        self._house.bus.publish("global.disposed", {}, directory="global", project="global")
        return _ok(True)  # noqa: FBT003

    # -- sessions --------------------------------------------------------------------------

    async def sessions(self, request: Request, _found: list[str]) -> Answer:
        """The sessions of the directory's project, newest first."""
        project = project_of(self._directory(request))["id"]
        shown = [one.info for one in self._house.store if one.info["projectID"] == project]
        if request.query.get("roots") == "true":
            shown = [info for info in shown if "parentID" not in info]
        return _ok(shown[: int(request.query.get("limit", "100"))])

    async def all_sessions(self, request: Request, _found: list[str]) -> Answer:
        """The sessions of every project, each with its project."""
        limit = int(request.query.get("limit", "100"))
        shown = [{**one.info, "project": project_of(one.directory)} for one in self._house.store]
        if request.query.get("roots") == "true":
            shown = [info for info in shown if "parentID" not in info]
        return _ok(shown[:limit])

    async def create(self, request: Request, _found: list[str]) -> Answer:
        """A new session in the directory."""
        house = self._house
        directory = self._directory(request)
        info = shapes.session(
            id_=house.ids.new("ses"), directory=directory, project=project_of(directory)["id"],
            at=house.clock.now(), given=request.data(),
        )  # fmt: skip
        conversation = Conversation(info)
        house.store.add(conversation)
        house.tell(conversation, "session.created", {"info": info})
        return _ok(info)

    async def session(self, _request: Request, found: list[str]) -> Answer:
        """One session."""
        return _ok(self._conversation(found[0]).info)

    async def patch(self, request: Request, found: list[str]) -> Answer:
        """Change the title or the metadata."""
        conversation = self._conversation(found[0])
        given = request.data()
        kept: Json = {name: given[name] for name in ("title", "metadata") if name in given}
        self._house.changed(conversation, kept)
        return _ok(conversation.info)

    async def delete(self, _request: Request, found: list[str]) -> Answer:
        """Forget a session."""
        conversation = self._conversation(found[0])
        await self._turns.abort(conversation)
        self._house.store.remove(conversation)
        self._house.tell(conversation, "session.deleted", {"info": conversation.info})
        return _ok(True)  # noqa: FBT003

    async def statuses(self, request: Request, _found: list[str]) -> Answer:
        """The live status of every session of the directory that is not idle."""
        directory = self._directory(request)
        return _ok({
            id_: status for id_, status in self._house.statuses.items()
            if self._conversation(id_).directory == directory
        })  # fmt: skip

    async def children(self, _request: Request, found: list[str]) -> Answer:
        """The sessions of subagents."""
        return _ok([one.info for one in self._house.store if one.info.get("parentID") == found[0]])

    async def todos(self, _request: Request, found: list[str]) -> Answer:
        """The list of things to do."""
        return _ok(self._conversation(found[0]).todos)

    async def messages(self, request: Request, found: list[str]) -> Answer:
        """The messages, oldest first; with a limit the newest, and a cursor to those before."""
        messages = self._conversation(found[0]).messages
        before = request.query.get("before")
        if before:
            ids = [message["info"]["id"] for message in messages]
            messages = messages[: ids.index(before)] if before in ids else []
        limit = int(request.query.get("limit", "0"))
        headers: Mapping[str, str] = {}
        if limit and len(messages) > limit:
            messages = messages[-limit:]
            headers = {"x-next-cursor": messages[0]["info"]["id"]}
        return http11.response(200, messages, headers)

    async def message(self, _request: Request, found: list[str]) -> Answer:
        """One message."""
        message = self._conversation(found[0]).message(found[1])
        if message is None:
            raise LookupError(f"Message not found: {found[1]}")
        return _ok(message)

    # -- turns -----------------------------------------------------------------------------

    async def prompt(self, request: Request, found: list[str]) -> Answer:
        """Say something and wait for the end of the turn."""
        conversation = self._conversation(found[0])
        body = request.data()
        said = self._turns.admit(conversation, body)
        if body.get("noReply"):
            return _ok(said)
        await self._turns.finish(conversation)
        return _ok(conversation.last("assistant") or said)

    async def prompt_async(self, request: Request, found: list[str]) -> Answer:
        """Say something and return at once."""
        conversation = self._conversation(found[0])
        body = request.data()
        self._turns.admit(conversation, body)
        if not body.get("noReply"):
            self._turns.start(conversation)
        return http11.response(204)

    async def abort(self, _request: Request, found: list[str]) -> Answer:
        """End the running turn; true, whatever there was."""
        await self._turns.abort(self._house.store.get(found[0]))
        return _ok(True)  # noqa: FBT003

    async def summarize(self, request: Request, found: list[str]) -> Answer:
        """Sum the conversation up; returns when it is done."""
        body = request.data()
        model = {"providerID": body.get("providerID", ""), "modelID": body.get("modelID", "")}
        await self._turns.summarize(self._conversation(found[0]), model)
        return _ok(True)  # noqa: FBT003

    # -- what waits for a person -----------------------------------------------------------

    async def permissions(self, request: Request, _found: list[str]) -> Answer:
        """What waits for a permission."""
        return self._pending(request, self._house.permissions)

    async def questions(self, request: Request, _found: list[str]) -> Answer:
        """What waits for an answer."""
        return self._pending(request, self._house.questions)

    def _pending(self, request: Request, waiting: Mapping[str, Pending]) -> Answer:
        directory = self._directory(request)
        return _ok([
            one.request for one in waiting.values()
            if self._conversation(one.request["sessionID"]).directory == directory
        ])  # fmt: skip

    async def permit(self, request: Request, found: list[str]) -> Answer:
        """Allow or reject."""
        reply = request.data()
        if reply.get("reply") not in ("once", "always", "reject"):
            raise BadPromptError("reply is none of once, always, reject")
        return self._reply(self._house.permissions, found[0], "permission.replied", reply)

    async def answer(self, request: Request, found: list[str]) -> Answer:
        """Answer a question."""
        reply = request.data()
        if not isinstance(reply.get("answers"), list):
            raise BadPromptError("answers is not a list")
        return self._reply(self._house.questions, found[0], "question.replied", reply)

    async def reject(self, _request: Request, found: list[str]) -> Answer:
        """Dismiss a question."""
        return self._reply(self._house.questions, found[0], "question.rejected", None)

    def _reply(
        self, waiting: Mapping[str, Pending], id_: str, kind: str, reply: Json | None
    ) -> Answer:
        pending = waiting.get(id_)
        if pending is None or pending.reply.done():
            raise LookupError(f"Request not found: {id_}")
        conversation = self._conversation(pending.request["sessionID"])
        given = reply or {}
        shown: Json = {name: given[name] for name in ("reply", "answers") if name in given}
        self._house.tell(conversation, kind, {"requestID": id_, **shown})
        pending.reply.set_result(reply)
        return _ok(True)  # noqa: FBT003


def _ok(value: object) -> Answer:
    return http11.response(200, value, {"content-type": "application/json"})


def _error(status: int, name: str, message: str) -> Answer:
    return http11.response(status, {"name": name, "data": {"message": message}})


def _match(pattern: str, words: list[str]) -> list[str] | None:
    """The words that stand for the pattern's `*`; None when it is another path."""
    wanted = pattern.split("/")
    if len(wanted) != len(words):
        return None
    pairs = list(zip(wanted, words, strict=True))
    if any(want not in ("*", word) for want, word in pairs):
        return None
    return [word for want, word in pairs if want == "*"]


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "global/health", Server.health),
    ("POST", "global/dispose", Server.dispose),
    ("POST", "instance/dispose", Server.dispose),
    ("GET", "config", Server.config),
    ("GET", "config/providers", Server.providers),
    ("GET", "experimental/session", Server.all_sessions),
    ("GET", "session", Server.sessions),
    ("POST", "session", Server.create),
    ("GET", "session/status", Server.statuses),
    ("GET", "session/*", Server.session),
    ("PATCH", "session/*", Server.patch),
    ("DELETE", "session/*", Server.delete),
    ("GET", "session/*/message", Server.messages),
    ("GET", "session/*/message/*", Server.message),
    ("POST", "session/*/message", Server.prompt),
    ("POST", "session/*/prompt_async", Server.prompt_async),
    ("POST", "session/*/abort", Server.abort),
    ("POST", "session/*/summarize", Server.summarize),
    ("GET", "session/*/todo", Server.todos),
    ("GET", "session/*/children", Server.children),
    ("GET", "permission", Server.permissions),
    ("POST", "permission/*/reply", Server.permit),
    ("GET", "question", Server.questions),
    ("POST", "question/*/reply", Server.answer),
    ("POST", "question/*/reject", Server.reject),
)
