//! `pam` and `match_pam_rule`, as libraries of STIG profiles bring them.

use std::rc::Rc;

use crate::interp::Machine;
use crate::matchers::Matcher;
use crate::stop::Stop;
use crate::value::Value;

/// Whether rules match.
pub(crate) fn matches(
    machine: &mut Machine<'_>,
    _actual: &Value,
    _rule: &Value,
    _matcher: &Rc<Matcher>,
) -> Result<bool, Stop> {
    Err(machine.needs_ruby("`match_pam_rule`"))
}
