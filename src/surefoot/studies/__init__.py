"""Studies: everything a tune measured, in one database."""

from surefoot.studies.database import Database
from surefoot.studies.environment import environment
from surefoot.studies.measurement import Curve, Measurement
from surefoot.studies.study import Study, StudyInfo

__all__ = ["Curve", "Database", "Measurement", "Study", "StudyInfo", "environment"]
