"""Questions about billing runs and jobs."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from webadmin.forms.fields import Form, optional


class ReasonForm(Form):
    """Why."""

    reason = StringField(_l("Why"), validators=[InputRequired(message=_l("Write why; it is kept.")), Length(max=255)])


class ContinueForm(Form):
    """How a stopped run goes on."""

    reason = StringField(_l("Why it may go on"), validators=[optional(), Length(max=255)])
    without_suspending = BooleanField(_l("Bill and remind, but suspend nobody"))


class ScheduleForm(Form):
    """When a job runs by itself."""

    when = StringField(_l("When"), validators=[optional(), Length(max=60)])
    is_off = BooleanField(_l("It does not run by itself"))
