"""What scripts read: JSON documents of the backend's own shape, and flat fields for ndjson, CSV and TSV.

Money is a string beside its currency with the column's two decimals; instants are UTC with a Z; absence is null, in a cell `N/A`.
"""

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence

from ecloud_pay.domain.checkup import Check
from ecloud_pay.domain.export import ExportTable, field_names
from ecloud_pay.domain.money import column_text
from ecloud_pay.domain.payment import Job, Json, Payment, PaymentFile, Person, Refund, Transaction
from ecloud_pay.rendering.sanitize import cell, in_json, visible
from ecloud_pay.rendering.times import api_time

ABSENT = "N/A"
Document = dict[str, Json]

# A spreadsheet runs a text cell that begins like this, full-width forms included. https://owasp.org/www-community/attacks/CSV_Injection
_BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_FORMULA_STARTS = tuple("=+-@|\t\r\n＝＋－＠｜")
NUMERIC_FIELDS = frozenset({"amount", "platform_fee", "cleaner_payout", "refund_amount"})


def payment_document(payment: Payment) -> Document:
    """The backend's API document of a payment, key for key, then ours: refund_amount … metadata."""
    return {
        "id": payment.id,
        "job": _job(payment.job),
        "client": _person(payment.client),
        "cleaner": _person(payment.cleaner),
        "amount": column_text(payment.amount),
        "platform_fee": column_text(payment.platform_fee),
        "cleaner_payout": column_text(payment.cleaner_payout),
        "currency": payment.currency,
        "status": payment.status,
        "stripe_payment_intent_id": payment.stripe_payment_intent_id,
        "stripe_charge_id": payment.stripe_charge_id,
        "payment_method_type": payment.payment_method_type,
        "payment_method_brand": payment.payment_method_brand,
        "payment_method_last4": payment.payment_method_last4,
        "created_at": api_time(payment.created_at),
        "paid_at": api_time(payment.paid_at),
        "refund_amount": column_text(payment.refund_amount),
        "refund_reason": payment.refund_reason,
        "refunded_at": api_time(payment.refunded_at),
        "description": payment.description,
        "metadata": payment.metadata,
    }


def file_document(file: PaymentFile) -> Document:
    """The payment's document with its `transactions` and `refunds`."""
    return {
        **payment_document(file.payment),
        "transactions": [_transaction(row) for row in file.transactions],
        "refunds": [refund_document(row) for row in file.refunds],
    }


def check_document(check: Check) -> Document:
    """One check of `doctor`."""
    return {"group": check.group, "name": check.name, "verdict": check.verdict.value, "detail": check.detail, "fix": check.fix or None}


def flat(document: Mapping[str, Json]) -> Document:
    """Objects one level down spread into dotted names: `client.email`. `metadata` stays one value: its keys are anybody's."""
    spread: Document = {}
    for key, value in document.items():
        if key in _NESTED:
            inner = value if isinstance(value, Mapping) else {}
            spread |= {f"{key}.{name}": inner.get(name) for name in _NESTED[key]}
        else:
            spread[key] = value
    return spread


_NESTED = {"job": ("id", "service_type", "property_address"), "client": ("id", "email", "username"), "cleaner": ("id", "email", "username")}

PAYMENT_FIELDS: Sequence[str] = field_names(ExportTable.PAYMENTS)


def json_text(value: Json | Sequence[Document]) -> str:
    """One indented JSON document with a line break at its end, harmless on a terminal."""
    return in_json(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)) + "\n"


def ndjson_text(documents: Iterable[Document]) -> str:
    """One JSON document a line."""
    return "".join(in_json(json.dumps(document, ensure_ascii=False, allow_nan=False)) + "\n" for document in documents)


def csv_text(records: Iterable[Document], fields: Sequence[str], numeric: Collection[str] = NUMERIC_FIELDS) -> str:
    """CSV with a header. Text that a spreadsheet would run as a formula gets a leading `'`, unless its field is a `numeric` one."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(fields)
    for record in records:
        writer.writerow([_csv_cell(record[field], is_number=field in numeric) for field in fields])
    return out.getvalue()


def tsv_text(records: Iterable[Document], fields: Sequence[str]) -> str:
    """TSV with a header; tabs, line breaks and backslashes inside a value are written `\\t`, `\\n`, `\\\\`."""
    lines = ["\t".join(fields)]
    lines += ["\t".join(visible(cell_text(record[field]).replace("\\", "\\\\")) for field in fields) for record in records]
    return "\n".join(lines) + "\n"


def cell_text(value: Json) -> str:
    """A value as one cell: `N/A` where there is none, JSON for what is no scalar."""
    if value is None:
        return ABSENT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _csv_cell(value: Json, *, is_number: bool) -> str:
    text = cell_text(value)
    is_run = isinstance(value, str) and not is_number and text.lstrip(_BLANKS).startswith(_FORMULA_STARTS)
    return f"'{cell(text)}" if is_run else cell(text)


def _job(job: Job | None) -> Json:
    if job is None:
        return None
    return {"id": job.id, "service_type": job.service_type, "property_address": job.property_address}


def _person(person: Person | None) -> Json:
    if person is None:
        return None
    return {"id": person.id, "email": person.email, "username": person.username}


def _transaction(row: Transaction) -> Document:
    return {
        "id": row.id,
        "transaction_type": row.transaction_type,
        "amount": column_text(row.amount),
        "status": row.status,
        "stripe_transaction_id": row.stripe_transaction_id,
        "created_at": api_time(row.created_at),
        "completed_at": api_time(row.completed_at),
        "metadata": row.metadata,
    }


def refund_document(row: Refund) -> Document:
    """One refund row."""
    return {
        "id": row.id,
        "amount": column_text(row.amount),
        "reason": row.reason,
        "status": row.status,
        "stripe_refund_id": row.stripe_refund_id,
        "requested_by": (row.requested_by.email or row.requested_by.username) if row.requested_by else None,
        "created_at": api_time(row.created_at),
        "processed_at": api_time(row.processed_at),
    }
