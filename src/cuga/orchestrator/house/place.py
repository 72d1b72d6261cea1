"""Where a house lies: one directory with everything in it. Makes it, finds it, names its files; opens nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from cuga.errors import BadInput, HouseNotFound, NotAllowed

MAX_SOCKET_PATH = 100  # bytes; the kernel takes about 107 for a Unix socket's path


@dataclass(frozen=True, slots=True)
class Place:
    """The files of a house."""

    root: Path

    @property
    def registry(self) -> Path:
        return self.root / "registry.yaml"

    @property
    def journal(self) -> Path:
        return self.root / "journal.db"

    @property
    def database(self) -> Path:
        """A file that names the database which holds the journal, without a password; not there: it is `journal`."""
        return self.root / "database"

    @property
    def views(self) -> Path:
        return self.root / "views.db"

    @property
    def begun(self) -> Path:
        """Which calls were begun from this directory, where several machines share a house."""
        return self.root / "begun"

    @property
    def people(self) -> Path:
        """What proves who somebody is; kept apart from the journal, see docs/decisions."""
        return self.root / "people.db"

    @property
    def key_mark(self) -> Path:
        """What tells the keys of personal data of this house from others; says nothing of them."""
        return self.root / "keys.mark"

    @property
    def notices(self) -> Path:
        """Who is told outside the page, and what is still to be told."""
        return self.root / "notices.db"

    @property
    def witness(self) -> Path:
        """Checkpoints of other houses' journals, for which this one is a witness."""
        return self.root / "witness.db"

    @property
    def crm(self) -> Path:
        return self.root / "crm.db"

    @property
    def crm_folder(self) -> Path:
        """CSV files that somebody else keeps here, read by the adapter `folder` once the directory is there."""
        return self.root / "crm"

    @property
    def shadow(self) -> Path:
        """Other rules that are watched beside the registry's; absent: none are."""
        return self.root / "shadow.yaml"

    @property
    def rehearsed(self) -> Path:
        """Dry runs that may still be begun as they were shown; a file for each."""
        return self.root / "rehearsed"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def inbox(self) -> Path:
        """Where mail that came in is dropped, as `.eml` files."""
        return self.root / "inbox"

    @property
    def templates(self) -> Path:
        """The house's own message templates, a file for each version."""
        return self.root / "templates"

    @property
    def calendar(self) -> Path:
        """Whose times are looked at before a meeting is offered: `.ics` and `.csv` files, and what was offered."""
        return self.root / "calendar"

    @property
    def facts(self) -> Path:
        """Facts on companies, as `.csv` and `.json` files."""
        return self.root / "facts"

    @property
    def documents(self) -> Path:
        return self.root / "documents"

    @property
    def socket(self) -> Path:
        """Where the process that holds the house listens; short enough for the operating system."""
        own = self.root / "house.sock"
        if len(os.fsencode(own)) <= MAX_SOCKET_PATH:
            return own
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"cuga-{os.getuid()}-{name}" / "house.sock"

    @property
    def guest_socket(self) -> Path:
        """Where the holder listens for other people of this machine, if it was told to: beside the house, which nobody
        else can look into."""
        return self.root.with_name(f"{self.root.name}.desk") / "house.sock"

    @property
    def lets_guests_in(self) -> bool:
        """Whether somebody listens for other people, as far as this user may look."""
        return os.path.exists(self.guest_socket)


def check_access(place: Place) -> None:
    """Refuse, with the owner's name, a house that this user cannot use; nothing is opened before."""
    for path in (place.root, place.registry, place.journal, place.views, place.crm):
        try:
            owner = path.stat().st_uid
        except FileNotFoundError:
            continue
        except PermissionError:
            raise _not_ours(place.root) from None
        wanted = os.R_OK if path == place.registry else os.R_OK | os.W_OK
        if not os.access(path, wanted | (os.X_OK if path == place.root else 0)):
            raise _not_ours(path, owner)


def _not_ours(path: Path, owner: int | None = None) -> NotAllowed:
    whose = f"this house belongs to {_user(owner)}" if owner is not None else "this house belongs to somebody else"
    return NotAllowed(
        f"{whose}; {_user(os.getuid())} cannot read and write {path}",
        mend="Its owner lets a group in with `cuga serve --group`; else name a house of your own with --house.",
    )


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def make_private(*files: Path) -> None:
    """Make files that only their owner can read, unless they are there; SQLite gives its side files the same mode."""
    for file in files:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def check_socket_directory(socket: Path) -> None:
    """Refuse a socket in a temporary directory that somebody else made, or could get into: anybody may make one
    there."""
    directory = socket.parent
    if directory.parent != Path(tempfile.gettempdir()):
        return  # inside the house, which is its owner's business
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise NotAllowed(
            f"{directory} is not a directory of this user alone",
            mend="Remove it, or keep the house under a shorter path.",
        )


def make_guest_directory(place: Place, group: int) -> None:
    """The directory of the guests' socket: of this user, open to one group and to nobody else."""
    socket = place.guest_socket
    if len(os.fsencode(socket)) > MAX_SOCKET_PATH:
        raise BadInput(
            f"{socket} is too long for a socket: {MAX_SOCKET_PATH} bytes are the most", mend="Keep the house elsewhere."
        )
    directory = socket.parent
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        _check_guest_directory(directory, os.getuid(), 0o027)  # somebody else's, or a link, is not made ours by a chmod
        os.chown(directory, -1, group, follow_symlinks=False)
        directory.chmod(0o750)
    except PermissionError as error:
        raise NotAllowed(
            f"{directory} cannot be opened to the group {group}: {error.strerror}",
            mend="This user must be a member of that group, and may have to make the directory first.",
        ) from error


def check_guest_directory(place: Place) -> None:
    """Refuse a guests' socket that is not the house's: only the owner of the house may listen there."""
    _check_guest_directory(place.guest_socket.parent, place.root.stat().st_uid, 0o027)


def _check_guest_directory(directory: Path, owner: int, closed: int) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & closed:
        raise NotAllowed(
            f"{directory} is not a directory that {_user(owner)} alone can write to",
            mend="Whoever owns the house removes it and serves again.",
        )


def shipped_registry() -> str:
    """The registry that a new house begins with."""
    return resources.files("cuga").joinpath("registry.yaml").read_text("utf-8")


def make(root: Path) -> Place:
    """Make the directories and the registry of a house, for its owner's eyes only; what is there is left as it is."""
    place = Place(root.absolute())
    if root.exists() and not root.is_dir():
        raise BadInput(f"{root} is a file; a house is a directory")
    try:
        for directory in (place.root, place.outbox, place.inbox, place.documents):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_private(place.crm)
        if not place.registry.exists():
            make_private(place.registry)
            place.registry.write_text(shipped_registry(), "utf-8")
    except OSError as error:
        raise BadInput(f"{root} cannot be made: {error.strerror or error}", mend="Name another directory.") from error
    return place


def find(named: Path | None = None, start: Path | None = None) -> Place:
    """The house that is meant: the one named, else the nearest parent with a registry, else the user's own."""
    if named is not None:
        try:
            is_there = _is_there(named / "registry.yaml")
        except PermissionError:
            if not (place := Place(named.absolute())).lets_guests_in:
                raise _not_ours(named) from None
            return place
        if not is_there:
            raise HouseNotFound(f"{named} has no registry.yaml")
        return Place(named.absolute())
    here = (start or Path.cwd()).absolute()
    for directory in (here, *here.parents):
        # by `os.path`, which says no where it may not look: such a directory holds no house of ours
        names = ("registry.yaml", "journal.db", "database")
        registry, *books = (os.path.exists(directory / name) for name in names)
        if registry and any(books):
            return Place(directory)
    own = user_house()
    if os.path.exists(own / "registry.yaml"):
        return Place(own)
    raise HouseNotFound(f"no registry.yaml in {here} or above it, and none in {own}")


def _is_there(path: Path) -> bool:
    """Whether there is such a file. Where it may not be looked, `PermissionError`: `Path.exists` says no to that from
    Python 3.14 on, and raises it before."""
    try:
        path.stat()
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False
    return True


def demo_house() -> Path:
    """Where the sample house of `cuga demo` is; another one when there is one already."""
    first = user_house().with_name(f"{user_house().name}-demo")
    found, number = first, 1
    while found.exists():
        number += 1
        found = first.with_name(f"{first.name}-{number}")
    return found


def user_house() -> Path:
    """The house of this user, when no other is named."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "cuga"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share")) / "cuga"
