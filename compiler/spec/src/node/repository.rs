use forge_diag::{Diagnostic, Sink, Spanned, codes};
use forge_model::{SecretReference, SourceFile};
use forge_syntax::reference::{Child, Field, NodeKind};
use forge_syntax::{Cursor, quote};

use super::mirror::is_url;
use super::{Declaration, OVERRIDE, TextAt, bad_value};
use crate::ItemKind;
use crate::context::Context;

pub(crate) const KIND: NodeKind = NodeKind {
    name: "repository",
    doc: "A repository of packages beside the base's own. It counts for the packages of its role, \
          or of the image's body, and for those of later roles, and stands in the image's own \
          `/etc/apt/sources.list.d`.",
    args: &[Field::required("name", "name", "what lists and reports call it")],
    props: &[
        Field::required("url", "address", "`http://…` or `https://…`"),
        Field::required(
            "suites",
            "names with commas between",
            "suites; a path that ends in `/` for a flat repository",
        ),
        Field::optional(
            "components",
            "names with commas between",
            "components; a flat repository has none",
        ),
        Field::optional(
            "key",
            "path in the project",
            "the public key that its lists are signed with: `.asc` as text, `.gpg` in binary",
        ),
        Field::default(
            "unsigned",
            "truth value",
            "#false",
            "nobody signs it: whoever answers at its address decides what is installed",
        ),
        OVERRIDE,
    ],
    children: &[Child::new(
        "login",
        "who fetches from it; the login is used for fetching alone and is in no layer",
    )
    .props(&[Field::required("secret", "name of a `secret`", "holds `USER:PASSWORD`")])],
    example: "repository \"site\" url=\"https://mirror.example.org/site\" suites=\"bookworm\" components=\"main\" unsigned=#true",
};

/// Names that lists give to what comes from no repository of a spec.
const RESERVED: [&str; 2] = ["host", "project"];

#[derive(Debug)]
struct RepositoryDecl {
    name: TextAt,
    url: TextAt,
    suites: TextAt,
    components: Option<TextAt>,
    key: Option<TextAt>,
    login: Option<Spanned<String>>,
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let name = cursor.arg("name");
    let url = cursor.required_prop("url");
    let suites = cursor.required_prop("suites");
    let components = cursor.prop("components");
    let key: Option<TextAt> = cursor.prop("key");
    let unsigned: Option<Spanned<bool>> = cursor.prop("unsigned");
    let login = cursor.child("login").and_then(|node| {
        let (mut below, mut found) = (Cursor::new(node), Sink::new());
        let secret = below.required_prop("secret");
        below.finish(&mut found);
        found.into_sorted().into_iter().for_each(|diagnostic| cursor.report(diagnostic));
        secret
    });
    match (&key, &unsigned) {
        (Some(key), Some(unsigned)) if unsigned.value => cursor.report(
            bad_value(unsigned.span, "a repository with a key is signed", "unsigned here")
                .and(key.span, "its key"),
        ),
        (None, None | Some(Spanned { value: false, .. })) => {
            let head = cursor.head();
            cursor.report(
                Diagnostic::error(codes::SYNTAX_MISSING, "`repository` lacks `key=`")
                    .at(head, "nothing says whose packages to trust")
                    .help(
                        "add key=\"keys/NAME.asc\" with the public key of whoever signs it, or \
                         `unsigned=#true`",
                    ),
            );
        }
        _ => {}
    }
    let (name, url, suites) = (name?, url?, suites?);
    Some(Box::new(RepositoryDecl { name, url, suites, components, key, login }))
}

impl Declaration for RepositoryDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let name = self.name(cx);
        let url = self.url(cx);
        let suites = words(cx, &self.suites, "suite");
        let components = match &self.components {
            Some(text) => words(cx, text, "component"),
            None => Some(Vec::new()),
        };
        let key = match &self.key {
            Some(text) => key(cx, text).map(Some),
            None => Some(None),
        };
        let login = match &self.login {
            Some(name) => cx.secret(name).map(Some),
            None => Some(None),
        };
        let (suites, components) = (suites?, components?);
        if !self.fits(cx, &suites, &components) {
            return None;
        }
        let (key, login): (Option<SourceFile>, Option<SecretReference>) = (key?, login?);
        Some(ItemKind::Repository { name: name?, url: url?, suites, components, key, login })
    }
}

impl RepositoryDecl {
    fn name(&self, cx: &mut Context<'_>) -> Option<String> {
        let name = cx.text(&self.name)?;
        if forge_param::is_name(&name) && !RESERVED.contains(&name.as_str()) {
            return Some(name);
        }
        let headline = format!("`{name}` is no name of a repository");
        cx.report(bad_value(self.name.span, headline, "here").help(
            "it names files: letters, digits, `.`, `_` and `-`; `host` and `project` are taken",
        ));
        None
    }

    fn url(&self, cx: &mut Context<'_>) -> Option<String> {
        let url = cx.text(&self.url)?;
        let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
        if authority.is_some_and(|authority| authority.contains('@')) {
            cx.report(
                Diagnostic::error(codes::SPEC_SECRET, "the address holds a login")
                    .at(self.url.span, "it would stand in keys, plans and the image")
                    .help("move it to a secret: `{ login secret=\"NAME\" }`"),
            );
            return None;
        }
        if is_url(&url) {
            return Some(url.trim_end_matches('/').to_owned());
        }
        let headline = format!("`{url}` is no address of a repository");
        cx.report(
            bad_value(self.url.span, headline, "here").help("it begins with https:// or http://"),
        );
        None
    }

    /// A flat repository is one path without components; any other has some (sources.list(5)).
    fn fits(&self, cx: &mut Context<'_>, suites: &[String], components: &[String]) -> bool {
        let flat = suites.iter().any(|suite| suite.ends_with('/'));
        let found = match (flat, &self.components) {
            (true, Some(given)) if !components.is_empty() => {
                bad_value(given.span, "a flat repository has no components", "given here")
                    .and(self.suites.span, "a path that ends in `/`")
                    .help("take `components` away")
            }
            (false, _) if components.is_empty() => {
                Diagnostic::error(codes::SYNTAX_MISSING, "`repository` lacks `components=`")
                    .at(self.suites.span, "a suite has components")
                    .help("add components=\"main\"; a flat repository is suites=\"./\"")
            }
            _ => return true,
        };
        cx.report(found);
        false
    }
}

/// The names of suites or components, which sources.list(5) separates by blanks.
fn words(cx: &mut Context<'_>, text: &TextAt, what: &str) -> Option<Vec<String>> {
    let words = cx.comma_words(text)?;
    let fits = |word: &String| {
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~+/".contains(&byte))
    };
    let bad = words.iter().find(|word| word.is_empty() || !fits(word));
    if let Some(bad) = bad {
        let headline = format!("`{bad}` is no name of a {what}");
        let blanks = bad.split_whitespace().collect::<Vec<_>>();
        let mended = (blanks.len() > 1).then(|| quote(&blanks.join(", ")));
        let found = bad_value(text.span, headline, "here");
        cx.report(match mended {
            Some(mended) if text.value.value == *bad => {
                found.help(format!("write {mended}")).mend(text.span, mended)
            }
            mended => found.maybe_help(mended.map(|mended| format!("write {mended}"))),
        });
        return None;
    }
    Some(words)
}

/// A public key of `OpenPGP`, in a file whose name says how it is written: apt goes by the name.
fn key(cx: &mut Context<'_>, text: &TextAt) -> Option<SourceFile> {
    let file = cx.source(text)?;
    let bytes = match cx.sources.read(&file.path) {
        Ok(bytes) => bytes,
        Err(error) => {
            cx.report_source(text.span, &file.path, &error);
            return None;
        }
    };
    let found = |label: &str| {
        let headline = format!("`{}` is no public key", file.path);
        Diagnostic::error(codes::SPEC_VALUE, headline).at(text.span, label.to_owned())
    };
    let holds = |mark: &str| bytes.windows(mark.len()).any(|part| part == mark.as_bytes());
    let named = |ending: &str| file.path.ends_with(ending);
    // RFC 9580, 4.2: the first octet of a packet; 6 is the type of a public key, 5 of a secret one.
    let packet = bytes.first().map(|first| match first {
        0xc0.. => first & 0x3f,
        0x80.. => (first & 0x3f) >> 2,
        _ => 0,
    });
    let problem = if holds("-----BEGIN PGP PRIVATE KEY BLOCK-----") || packet == Some(5) {
        found("it holds a private key").help("export the public one: `gpg --armor --export KEY`")
    } else if holds("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        if named(".asc") {
            return Some(file);
        }
        found("a key as text").help("apt goes by the name: let it end in `.asc`")
    } else if packet == Some(6) {
        if named(".gpg") {
            return Some(file);
        }
        found("a key in binary").help("apt goes by the name: let it end in `.gpg`")
    } else {
        found("nothing in it is one").help("export it: `gpg --armor --export KEY > keys/NAME.asc`")
    };
    cx.report(problem);
    None
}
