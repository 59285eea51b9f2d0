"""The screen of a run: short lines, warnings and errors; everything goes to the log file."""

import io
import logging
import warnings
from contextlib import redirect_stdout

from mmengine.logging import MMLogger
from mmengine.runner import Runner

from rsn_mm.engine.screen_text import ScreenText


def ignore_mmpose_metainfo_warning() -> None:
    """Silence MMPose's warning that it finds its own description of COCO's or other joints.

    It comes wherever the current folder is not MMPose's repository. The warning for a file that
    the user has named stays.
    """
    warnings.filterwarnings(
        'ignore', r'The metainfo config file "configs/_base_/datasets/\w+\.py" does not exist',
        UserWarning, r'mmpose\.datasets')


class ScreenRunner(Runner):
    """mmengine's runner with a screen for people.

    Shown are the messages that have a form for the screen (:class:`ScreenText`), warnings and
    errors. What packages print during a run becomes part of the log.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Build the logger, and let its screen show what is meant for it."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.addFilter(_is_for_the_screen)
                handler.setFormatter(_ScreenFormatter())
        return logger

    def train(self) -> object:
        """Train; what is printed goes to the log."""
        with redirect_stdout(_Log(self.logger)):
            return super().train()

    def test(self) -> dict:
        """Test; what is printed goes to the log."""
        with redirect_stdout(_Log(self.logger)):
            return super().test()


def _is_for_the_screen(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING or isinstance(record.msg, ScreenText)


class _ScreenFormatter(logging.Formatter):

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record.msg, ScreenText):
            return record.msg.screen
        return f'{record.levelname.lower()}: {record.getMessage()}'


class _Log(io.TextIOBase):
    """A text stream whose lines become messages of a log."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._rest = ''

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split('\n')
        for line in lines:
            if line.strip():
                self._logger.info(line)
        return len(text)
