"""Checks of the files that the console keeps: can they be written when the time comes. Nothing is created to find out."""

import os
from collections.abc import Callable
from pathlib import Path

from ecloud_pay.domain.checkup import Check, Verdict
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError
from ecloud_pay.ports import AuditTrail
from ecloud_pay.settings import Settings

GROUP = "Files"


def file_checks(settings: Settings, trail: Callable[[], AuditTrail]) -> list[Check]:
    """The state folder and the audit file."""
    return [
        _checked("state folder", lambda: _state_folder(settings.state_dir)),
        _checked("audit file", lambda: _audit_file(settings.audit_log, trail())),
    ]


def _checked(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except EcloudPayError as error:  # there is no home to keep anything in
        return Check(GROUP, name, Verdict.WARNING, error.what, "ECLOUD_PAY_STATE_DIR=/var/lib/ecloud-pay")


def _state_folder(folder: Path) -> Check:
    if folder.exists() and not folder.is_dir():
        return Check(GROUP, "state folder", Verdict.WARNING, f"{folder} is no folder", "ECLOUD_PAY_STATE_DIR=… (a folder)")
    nearest = _nearest(folder)
    if not os.access(nearest, os.W_OK | os.X_OK):
        detail = f"{folder}: {nearest} is not yours to write to"
        return Check(GROUP, "state folder", Verdict.WARNING, detail, "ECLOUD_PAY_STATE_DIR=… (a folder of yours)")
    return Check(GROUP, "state folder", Verdict.OK, f"{folder}{'' if folder.exists() else ' (made when first needed)'}")


def _audit_file(path: Path, trail: AuditTrail) -> Check:
    if path.exists() and not path.is_file():
        return Check(GROUP, "audit file", Verdict.WARNING, f"{path} is no file", "ECLOUD_PAY_AUDIT_LOG=… (a file)")
    target = path if path.exists() else _nearest(path.parent)
    if not os.access(target, os.W_OK):
        detail = f"{path} cannot be appended to; refunds will be refused"
        fix = f"chmod u+w {target}" if target.stat().st_uid == os.getuid() else f"chown {os.getuid()} {target}"
        return Check(GROUP, "audit file", Verdict.WARNING, detail, fix)
    try:
        trail.check()  # a link, or a rotated file before it that cannot be read
    except CannotWrite as error:
        return Check(GROUP, "audit file", Verdict.WARNING, f"{error.what}; refunds will be refused", error.to_do)
    return Check(GROUP, "audit file", Verdict.OK, f"{path}{'' if path.exists() else ' (made by the first refund)'}")


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first of its parents that exists."""
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
