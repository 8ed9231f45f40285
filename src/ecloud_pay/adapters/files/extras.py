"""Libraries that are installed only where somebody wants their format."""

from collections.abc import Iterator
from contextlib import contextmanager

from ecloud_pay.domain.errors import NotConfigured

# As pyproject.toml has them: ecloud-pay itself is on no registry to be installed from by name.
REQUIREMENTS = {"xlsx": "XlsxWriter>=3.2", "parquet": "pyarrow>=22"}


@contextmanager
def of_extra(extra: str) -> Iterator[None]:
    """Wraps the imports of what `extra` brings, as `--xlsx` needs the extra `xlsx`. Raises NotConfigured where that is not installed."""
    try:
        yield
    except ImportError as error:
        is_missing = isinstance(error, ModuleNotFoundError)
        requirement = REQUIREMENTS[extra]
        raise NotConfigured(
            f"--{extra} needs the extra `{extra}`, which {'is not installed' if is_missing else f'cannot be loaded: {error}'}",
            to_do=f"pip install '{requirement}'   (pipx: pipx inject ecloud-pay '{requirement}')",
        ) from error
