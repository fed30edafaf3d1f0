"""Every error a user can meet.

A message names the place, the value and the fix. The command line prints it without a traceback
and exits with :attr:`GancompressError.exit_code`.
"""


class GancompressError(Exception):
    """Root of every error that is a user's to mend."""

    exit_code = 2


class RecipeError(GancompressError):
    """A recipe or an override on the command line is wrong; lists every mistake found."""


class OptionError(GancompressError):
    """A value given to a function of the library is of another kind, or out of its range."""


class RunError(GancompressError):
    """A run directory is missing, damaged, locked, or belongs to another recipe."""


class RunInUseError(RunError):
    """Another process works on the run directory."""


class DataError(GancompressError):
    """Images, pairs or statistics cannot be read or do not fit."""


class TeacherError(GancompressError):
    """A teacher file or service cannot be used."""


class UnsafeFileError(TeacherError):
    """A file wanted to execute something; nothing of it was executed."""


class TraceError(GancompressError):
    """A module could not be followed by ``torch.export``."""


class SubnetError(GancompressError):
    """A subnet does not belong to the search space."""


class BudgetError(GancompressError):
    """No subnet satisfies the budget, or the budget cannot be understood."""


class ParityError(GancompressError):
    """Two networks that must agree do not: an extracted or exported student differs."""


class ExportError(GancompressError):
    """A student cannot be written in, or read from, a deployment format."""


class DivergenceError(GancompressError):
    """Training produced numbers that are not finite and could not recover."""


class MetricError(GancompressError):
    """A metric is not defined for what it was given."""


class MissingPackageError(GancompressError):
    """An optional package is needed; the message holds the pip command."""


class Terminated(KeyboardInterrupt):
    """The system asked the process to end (SIGTERM): as Ctrl-C does, with exit code 143."""
