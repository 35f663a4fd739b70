"""The nbgrader course of this folder: nbgrader reads this file where it is run."""

from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, OverwriteCells

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "calibkit"
# the sources beside this file hold the solutions: none of their kind may reach release/
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.py"]

# seconds for one cell; a cell that takes longer is stopped, the next ones are still graded
c.Execute.timeout = 120
# a test cell that a student deleted is put back, so that its points cannot be won by deleting it
c.OverwriteCells.add_missing_cells = True


def report_change(self, name, attr, old, new):
    """Warn that a cell was changed, but not that its checksum was.

    The checksum of every honest test cell differs, because the hidden tests are put back.
    """
    if attr != "checksum":
        self.log.warning(f"The cell {name} had {attr} = {new}. It is {old} again.")


OverwriteCells.report_change = report_change


class ForgiveWarnings(NbGraderPreprocessor):
    """Drop what was written to stderr: nbgrader gives no points where a warning or a bar stands."""

    def preprocess_cell(self, cell, resources, index):
        """Keep every output of a cell but those on stderr."""
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        return cell, resources


_, *after_execution = Autograde.autograde_preprocessors.default()
c.Autograde.autograde_preprocessors = [Execute, ForgiveWarnings, *after_execution]
