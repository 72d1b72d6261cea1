"""Commands about tools from outside: MCP servers, what has changed about them, and a single call of one tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cuga.cli.commands.working import Wait
from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit

Server = Annotated[str, Parameter(name="SERVER", help="The server's name in the registry.")]


def list_(*, options: Options = PLAIN) -> int:
    """List the MCP servers and OpenAPI documents of the registry: their tools, who allows them, what waits.

    Examples:

        cuga mcp list
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render.outside import servers
        from cuga.cli.screen import show, show_json

        found = await visit.front.servers()
        show_json(found) if options.json else show(servers(found))
        return Exit.SUCCESS

    return at_house(options, work)


def try_(server: Server, /, *, options: Options = PLAIN) -> int:
    """Connect to a server and show what it offers and how each tool would be taken. Nothing of it is called.

    Examples:

        cuga mcp test files
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render.outside import tested
        from cuga.cli.screen import show, show_json

        found = await visit.front.test_server(server)
        show_json(found) if options.json else show(tested(found))
        return Exit.DAMAGED if found.problem else Exit.SUCCESS

    return at_house(options, work)


def add(
    name: Annotated[str, Parameter(name="NAME", help="What it is called here; its tools are NAME/TOOL.")],
    *command: Annotated[
        str, Parameter(name="COMMAND", allow_leading_hyphen=True, help="After `--`: the command that starts it.")
    ],
    url: Annotated[str, Parameter(help="Instead of a command: where it answers over HTTP.")] = "",
    token: Annotated[str, Parameter(help="The variable that holds its bearer token.")] = "",
    env: Annotated[tuple[str, ...], Parameter(help="A variable that the command gets; may be given again.")] = (),
    domain: Annotated[str, Parameter(help="The kind of work its calls count as. Left out: knowledge.")] = "knowledge",
    trust: Annotated[
        bool, Parameter(negative="", help="Believe it when it says that a tool only reads, or may be repeated.")
    ] = False,
    profile: Annotated[tuple[str, ...], Parameter(help="A profile that may use it; may be given again.")] = (),
    options: Options = PLAIN,
) -> int:
    """Declare an MCP server in the registry, connect to it, and show what it offers.

    Its tools can be used once somebody has accepted them: `cuga tools accept NAME`.

    Examples:

        cuga mcp add time --trust --profile smb -- uvx mcp-server-time

        cuga mcp add tracker --url https://mcp.example.com/mcp --token TRACKER_TOKEN --profile smb
    """
    if bool(command) == bool(url):
        raise BadInput("say either --url or, after `--`, the command that starts the server")

    async def work(visit: Visit) -> int:
        from cuga.cli.render.outside import tested
        from cuga.cli.screen import say, show, show_json
        from cuga.orchestrator.house.registry_edit import add_entry, allow, server_entry, write_registry

        path = visit.place.registry
        entry = server_entry(command=command, url=url, token=token, env=env, domain=domain, trust=trust)
        text = add_entry(path.read_text("utf-8"), "mcp", name, entry)
        for one in profile:
            text = allow(text, one, name)
        write_registry(path, text)
        found = await visit.front.test_server(name)
        show_json(found) if options.json else show(tested(found))
        if found.problem:
            say(f"{name} is declared in {path}; mend what it says, then: cuga mcp test {name}")
            return Exit.DAMAGED
        say(f"{name} is declared in {path}. Its tools can be used once you accept them: cuga tools accept {name}")
        return Exit.SUCCESS

    return at_house(options, work)


def serve(
    *,
    inbox: Annotated[
        str, Parameter(help="The address that an approval's id is put behind, to link to where people decide.")
    ] = "",
    options: Options = PLAIN,
) -> int:
    """Be an MCP server over standard input and output: an editor or an agent begins runs here and follows them.

    What changes something waits for a person as always; nothing that comes in here is a decision. When another process
    holds the house, for example `cuga serve`, the runs go on there.

    Examples:

        cuga mcp serve

        cuga mcp serve --house /srv/sales --inbox https://cuga.example.com/#/approvals/
    """

    async def work(visit: Visit) -> int:
        from cuga.api.mcp import serve_stdio
        from cuga.api.mcp_window import told_to
        from cuga.orchestrator.house.outside import NEEDS_EXTRA, has_client

        if not has_client():
            raise BadInput(NEEDS_EXTRA)

        await serve_stdio(visit.front, link=(lambda approval_id: f"{inbox}{approval_id}") if inbox else told_to)
        return Exit.SUCCESS

    return at_house(options, work)


def drift(
    server: Annotated[str, Parameter(name="SERVER", help="One server. Left out: all of them.")] = "",
    /,
    *,
    options: Options = PLAIN,
) -> int:
    """Show what is different between the servers now and what was accepted of them, line by line.

    Exits with 9 when something is different or quarantined, or cannot be looked at.

    Examples:

        cuga tools drift

        cuga tools drift files
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render.outside import drifts
        from cuga.cli.screen import show, show_json

        found = await visit.front.drift(server)
        show_json(found) if options.json else show(drifts(found))
        is_odd = any(one.differences or one.quarantined or one.problem for one in found)
        return Exit.DAMAGED if is_odd else Exit.SUCCESS

    return at_house(options, work)


def accept(
    server: Server,
    /,
    *,
    digest: Annotated[str, Parameter(help="Accept only what `cuga tools drift` showed under this digest.")] = "",
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """Accept what a server's tools are now. At a terminal it shows what is different and asks.

    Runs that are pinned to the earlier tools ask before they go on with these.

    Examples:

        cuga tools accept files

        cuga tools accept files --digest 5f1e... --reason "read the release notes"
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.render.outside import drifts, tested
        from cuga.cli.screen import asked, is_watched, say, show, show_json

        seen = digest
        if not seen:
            if options.json or not is_watched():
                mend = f"`cuga tools drift {server}` shows the tools and their digest."
                raise BadInput("without a terminal, accept needs --digest", mend=mend)
            found = (await visit.front.drift(server))[0]
            show(drifts([found]), tested(await visit.front.test_server(server)))
            if found.problem or (await asked("Accept these tools? yes or no: ")).casefold() not in ("y", "yes"):
                say("Nothing was accepted.")
                return Exit.REFUSED
            seen = found.digest
        accepted = await visit.front.accept_tools(server, seen, reason)
        if options.json:
            show_json(accepted)
        else:
            say(f"Accepted. `cuga tools {server}` finds them; cuga call {server}/TOOL NAME=VALUE uses one.")
        return Exit.SUCCESS

    return at_house(options, work)


def call(
    tool: Annotated[str, Parameter(name="TOOL", help="The tool, as `cuga tools` names it.")],
    /,
    *fields: Annotated[str, Parameter(name="NAME=VALUE", help="Its arguments, as text or as JSON.")],
    profile: Annotated[str, Parameter(help="The rules it is called under.")] = "",
    wait: Wait = 0.0,
    options: Options = PLAIN,
) -> int:
    """Call one tool, as a run of one step: judged, approved and recorded like any other.

    Examples:

        cuga call time/get_current_time timezone=Europe/Berlin

        cuga call score_account_fit account="Velkarin Foods" --profile smb
    """
    given = _arguments(fields)

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await visit.front.start_call(tool, given, profile or visit.settings.profile)
        return await drive(visit, run_id, options, wait_s=wait)

    return at_house(options, work)


def _arguments(fields: tuple[str, ...]) -> dict[str, Any]:
    import msgspec

    given: dict[str, Any] = {}
    for said in fields:
        name, equals, value = said.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"{said!r} is no NAME=VALUE", mend="Write it so: timezone=Europe/Berlin")
        if name.strip() in given:
            raise BadInput(f"{name.strip()} is given twice")
        try:
            given[name.strip()] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            given[name.strip()] = value
    return given
