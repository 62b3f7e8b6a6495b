use forge_syntax::reference::{Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::{Declaration, OVERRIDE, TextAt, bad_name};
use crate::ItemKind;
use crate::context::Context;
use crate::locale::{is_generated, listed, of_other_charsets};
use crate::system::SystemFact;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "locale",
    doc: "The system's locale: `LANG` in `/etc/locale.conf`, to which `/etc/default/locale` leads. \
          Other than `C.UTF-8` it has to be in the image, whatever its charset: beside `packages \"locales\"` in the \
          same role it is generated, and `packages \"locales-all\"` brings all.",
    args: &[Field::required("name", "locale's name", "`C.UTF-8`, `en_US.UTF-8`")],
    props: &[OVERRIDE],
    children: &[],
    example: "locale \"C.UTF-8\"",
};

#[derive(Debug)]
struct LocaleDecl {
    name: TextAt,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    Some(Box::new(LocaleDecl { name: name? }))
}

impl Declaration for LocaleDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = cx.text(&self.name)?;
        if !is_generated(&name)
            || is_locale(&name)
            || listed(&name).is_some_and(|(_, charset)| charset != "UTF-8")
        {
            return Some(ItemKind::System(SystemFact::Locale(name)));
        }
        let found = bad_name(self.name.span, format!("`{name}` is no name of a locale"));
        let mended = mended(&name).or_else(|| other_charset(&name));
        cx.report(match mended {
            Some(mended) if self.name.value.value == name => {
                let mended = quote(&mended);
                found.help(format!("write {mended}")).mend(self.name.span, mended)
            }
            _ => found.help("language, country and charset: \"en_US.UTF-8\""),
        });
        None
    }
}

/// `ll_CC.UTF-8`, with `@modifier` perhaps.
fn is_locale(name: &str) -> bool {
    let (name, modifier) = name.split_once('@').unwrap_or((name, "x"));
    let lower = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
    let Some((language, country)) =
        name.strip_suffix(".UTF-8").and_then(|name| name.split_once('_'))
    else {
        return false;
    };
    lower(language)
        && (2..=3).contains(&language.len())
        && country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && lower(modifier)
}

/// The locale that another spelling of UTF-8, or none, may mean.
fn mended(name: &str) -> Option<String> {
    let (bare, modifier) = match name.split_once('@') {
        Some((bare, modifier)) => (bare, format!("@{modifier}")),
        None => (name, String::new()),
    };
    let (bare, charset) = bare.split_once('.').unwrap_or((bare, "utf8"));
    let is_utf8 = ["utf8", "utf-8"].contains(&charset.to_ascii_lowercase().as_str());
    let mended = format!("{bare}.UTF-8{modifier}");
    (is_utf8 && (is_locale(&mended) || mended == "C.UTF-8")).then_some(mended)
}

/// The locale of another charset whose name is written in another way, or nearly.
fn other_charset(name: &str) -> Option<String> {
    if !name.contains('.') {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace(['-', '_'], "");
    let all: Vec<String> = of_other_charsets().collect();
    let same = all.iter().find(|known| plain(known) == plain(name)).map(String::as_str);
    same.map(str::to_owned)
}
