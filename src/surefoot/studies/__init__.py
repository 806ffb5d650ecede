"""Studies: everything that tunes and checks measured, in one database."""

from surefoot.studies.check_log import CheckHead, CheckRow, add_check, check_heads, check_row
from surefoot.studies.database import Database
from surefoot.studies.environment import environment
from surefoot.studies.ledger import Ledger
from surefoot.studies.measurement import Measurement
from surefoot.studies.study import Study, StudyInfo

__all__ = [
    "CheckHead",
    "CheckRow",
    "Database",
    "Ledger",
    "Measurement",
    "Study",
    "StudyInfo",
    "add_check",
    "check_heads",
    "check_row",
    "environment",
]
