use forge_diag::{Diagnostic, Spanned, codes};
use forge_syntax::Cursor;
use forge_syntax::reference::{Field, NodeKind};

use super::account::password_hash;
use super::{Declaration, OVERRIDE, TextAt};
use crate::ItemKind;
use crate::context::Context;
use crate::system::{Console, SystemFact, console_hash_path};

pub(crate) const KIND: NodeKind = NodeKind {
    name: "console",
    doc: "How an administrator gets in when nothing else works: `root`'s password, set when the node \
          boots, before anything that may fail. It is a hash, as `mkpasswd` makes it.",
    args: &[],
    props: &[
        Field::optional(
            "password-hash",
            "hash of crypt(5)",
            "the hash, for all to read who have the image",
        ),
        Field::optional(
            "password-hash-secret",
            "name of a `secret`",
            "the secret that holds the hash",
        ),
        Field::default(
            "emergency",
            "truth value",
            "#false",
            "emergency and rescue mode ask for it too, where a locked `root` would have no way in",
        ),
        OVERRIDE,
    ],
    children: &[],
    example: "console password-hash=\"$y$j9T$Q3Xq$9WNEpu8Mx2S4KNGvbVWKM6clOSoY6.YEl7AYF4DGV04\" emergency=#true",
};

#[derive(Debug)]
struct ConsoleDecl {
    hash: Hash,
    emergency: bool,
}

#[derive(Debug)]
enum Hash {
    Written(TextAt),
    Secret(Spanned<String>),
}

pub(crate) fn read(cursor: &mut Cursor<'_>) -> Option<Box<dyn Declaration>> {
    let mistakes = cursor.mistakes();
    let written: Option<TextAt> = cursor.prop("password-hash");
    let secret: Option<Spanned<String>> = cursor.prop("password-hash-secret");
    let emergency = cursor.prop::<bool>("emergency").is_some_and(|value| value.value);
    let hash = match (written, secret) {
        (Some(written), Some(secret)) => {
            cursor.report(
                Diagnostic::error(codes::SYNTAX_DUPLICATE, "the password is given twice")
                    .at(secret.span, "and again here")
                    .and(written.span, "first here")
                    .help("keep one of `password-hash` and `password-hash-secret`"),
            );
            return None;
        }
        (Some(written), None) => Hash::Written(written),
        (None, Some(secret)) => Hash::Secret(secret),
        (None, None) => {
            if mistakes == cursor.mistakes() {
                let head = cursor.head();
                cursor.report(
                    Diagnostic::error(codes::SYNTAX_MISSING, "`console` lacks its password")
                        .at(head, "nobody could log in")
                        .help("add `password-hash-secret=…`, or `password-hash=…`"),
                );
            }
            return None;
        }
    };
    Some(Box::new(ConsoleDecl { hash, emergency }))
}

impl Declaration for ConsoleDecl {
    fn resolve(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let hash = match &self.hash {
            Hash::Secret(_) => None,
            Hash::Written(text) => Some(password_hash(cx, text)?),
        };
        let emergency = self.emergency;
        Some(ItemKind::System(SystemFact::Console(Console { hash, emergency })))
    }

    fn brings(&self, cx: &mut Context<'_>) -> Option<ItemKind> {
        let Hash::Secret(name) = &self.hash else { return None };
        let root = || "root".to_owned();
        let (path, secret) = (console_hash_path(), cx.secret(name)?);
        Some(ItemKind::SecretFile { path, secret, mode: 0o400, owner: root(), group: root() })
    }
}
