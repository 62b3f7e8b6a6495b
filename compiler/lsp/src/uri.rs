//! Absolute paths and `file:` URIs.

use std::str::FromStr as _;

use lsp_types::Uri;

/// The path of a `file:` URI; none for other schemes, hosts, and paths that are not UTF-8.
pub(crate) fn to_path(uri: &Uri) -> Option<String> {
    let text = uri.as_str();
    let scheme = text.get(..5)?;
    let rest = text.get(5..).filter(|_| scheme.eq_ignore_ascii_case("file:"))?;
    let path = match rest.strip_prefix("//") {
        // `//localhost/path` and `///path`.
        Some(rest) => {
            let at = rest.find('/')?;
            let host = rest.get(..at)?;
            rest.get(at..).filter(|_| host.is_empty() || host == "localhost")?
        }
        None => rest,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if !path.starts_with('/') {
        return None;
    }
    decode(path)
}

fn decode(path: &str) -> Option<String> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(more.get(..2)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            rest = more.get(2..)?;
        } else {
            out.push(*first);
            rest = more;
        }
    }
    String::from_utf8(out).ok()
}

/// The URI of an absolute path.
pub(crate) fn from_path(path: &str) -> Option<Uri> {
    let mut out = String::from("file://");
    for byte in path.bytes() {
        // RFC 3986: what needs no escape in a path, `@` and `:` left out, as clients write it.
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Uri::from_str(&out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back() {
        for path in ["/a/b.kdl", "/with space/é#?%.kdl", "/x/@:[].kdl"] {
            let uri = from_path(path).unwrap();
            assert_eq!(to_path(&uri).as_deref(), Some(path), "{}", uri.as_str());
        }
    }

    #[test]
    fn spellings_of_clients_are_read() {
        let cases = [
            ("file:///a/b%20c.kdl", Some("/a/b c.kdl")),
            ("file://localhost/a", Some("/a")),
            ("file:/a", Some("/a")),
            ("FILE:///a", Some("/a")),
            ("file://server/a", None),
            ("untitled:Untitled-1", None),
            ("git:/a?ref=x", None),
        ];
        for (text, want) in cases {
            let uri = Uri::from_str(text).unwrap();
            assert_eq!(to_path(&uri).as_deref(), want, "{text}");
        }
    }
}
