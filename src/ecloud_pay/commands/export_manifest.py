"""The manifest of an export, and the comparison with it."""

import os
from collections.abc import Iterator

from ecloud_pay import __version__
from ecloud_pay.commands.export_options import Plan
from ecloud_pay.domain.export import ExportRequest
from ecloud_pay.domain.manifest import Digest, Manifest, Verification
from ecloud_pay.domain.payment import Json
from ecloud_pay.domain.period import Period
from ecloud_pay.ports import Exporter
from ecloud_pay.rendering.sanitize import visible
from ecloud_pay.rendering.times import api_time


def manifest_of(plan: Plan, path: str, rows: int, digest: Digest, exporter: Exporter) -> Manifest:
    """What there is to say of the file at `path`. The totals are asked of the database once more: a second way to the same figure."""
    totals = exporter.totals(plan.request)
    counted = sum(total.rows for total in totals)
    assert counted == rows, f"{rows} rows were exported and {counted} are in the snapshot"
    return Manifest(
        file=os.path.basename(path),
        format=plan.format,
        table=plan.request.table.value,
        rows=rows,
        digest=digest,
        totals=totals,
        filters=dict(_filters(plan.request)),
        fields=[column.name for column in plan.request.columns],
        is_raw=not plan.request.is_guarded,
        time_zone=plan.request.zone,
        snapshot=exporter.snapshot_name,
        as_of=exporter.as_of,
        version=__version__,
    )


def verification_lines(found: Verification) -> list[str]:
    """What the comparison came to: one line that says it, and one for each difference."""
    path = visible(found.path)
    if found.differences:
        return [f"{path} differs from its manifest:", *(f"  {visible(difference)}" for difference in found.differences)]
    manifest = found.manifest
    assert manifest is not None
    what = f"{manifest.rows:,} {visible(manifest.table)} as of {api_time(manifest.as_of)}, {manifest.digest.bytes:,} bytes"
    return [f"{path} is what was exported: {what}, SHA-256 {manifest.digest.sha256}."]


def _filters(request: ExportRequest) -> Iterator[tuple[str, Json]]:
    """Every filter that was given, under its option's name; dates as the instants they meant."""
    search = request.search
    yield from _window("", request.created if request.created.is_bounded else search.created)
    yield from _window("paid_", search.paid)
    yield from _window("processed_", request.processed)
    if search.statuses:
        yield "status", [status.value for status in search.statuses]
    given = {
        "job": search.job_id,
        "client": search.client,
        "cleaner": search.cleaner,
        "amount": _text(search.amount),
        "min_amount": _text(search.min_amount),
        "max_amount": _text(search.max_amount),
        "currency": search.currency,
        "brand": search.brand,
        "last4": search.last4,
        "refunded": search.is_refunded,
    }
    yield from ((name, value) for name, value in given.items() if value is not None)


def _window(prefix: str, period: Period) -> Iterator[tuple[str, Json]]:
    for name, instant in ((f"{prefix}since", period.since), (f"{prefix}until", period.until)):
        if instant is not None:
            yield name, api_time(instant)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
