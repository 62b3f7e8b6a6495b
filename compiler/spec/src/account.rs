//! How an account lets somebody in: hashes of passwords, and keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge_model::ImagePath;

/// The file that holds an account's keys: sshd's default. None where the home is none.
pub fn keys_file(name: &str, home: Option<&str>) -> Option<ImagePath> {
    let home = match (home, name) {
        (Some(home), _) => home.to_owned(),
        (None, "root") => "/root".to_owned(),
        (None, name) => format!("/home/{name}"),
    };
    ImagePath::new(format!("{home}/.ssh/authorized_keys"))
}

/// Why a text is no hash of a password that a login should be held by, with help. Nothing of the
/// text is in the answer: it may be a password.
pub(crate) fn hash_mistake(hash: &str) -> Option<(&'static str, &'static str)> {
    const MAKE: &str = "`mkpasswd -m yescrypt` or `openssl passwd -6` makes one";
    let Some(parts) = hash.strip_prefix('$') else {
        return Some(match hash {
            "" => ("an empty hash lets everybody in", "leave it out: the account is locked then"),
            "*" | "!" | "!!" | "x" => {
                ("this is no hash", "leave it out: the account is locked then")
            }
            _ => ("this is no hash of crypt(5); a password itself stands nowhere", MAKE),
        });
    };
    let parts: Vec<&str> = parts.split('$').collect();
    let good = match parts.as_slice() {
        ["y" | "gy", settings, salt, hash] => {
            crypt64(settings, 1..=64) && crypt64(salt, 1..=86) && crypt64(hash, 43..=43)
        }
        ["7", settings, hash] => crypt64(settings, 11..=97) && crypt64(hash, 43..=43),
        ["2a" | "2b" | "2y", cost, hash] => {
            let cost_fits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
            cost_fits && crypt64(hash, 53..=53)
        }
        ["6", rest @ ..] => sha(rest, 86),
        ["5", rest @ ..] => sha(rest, 43),
        ["1" | "2x" | "3" | "md5" | "sha1", ..] => {
            return Some(("this kind of hash is broken within hours", MAKE));
        }
        _ => return Some(("this is no method of crypt(5)", MAKE)),
    };
    let cut = "copy it whole: it has the form `$METHOD$SETTINGS$HASH`";
    (!good).then_some(("a part of the hash is missing, or too much", cut))
}

/// `[rounds=N$]SALT$HASH`.
fn sha(parts: &[&str], length: usize) -> bool {
    let (salt, hash) = match parts {
        [salt, hash] => (salt, hash),
        [rounds, salt, hash] => {
            let number = rounds.strip_prefix("rounds=").and_then(|text| text.parse::<u32>().ok());
            if !number.is_some_and(|rounds| (1_000..=999_999_999).contains(&rounds)) {
                return false;
            }
            (salt, hash)
        }
        _ => return false,
    };
    let salt_fits = (1..=16).contains(&salt.len())
        && salt.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    salt_fits && crypt64(hash, length..=length)
}

/// Letters of crypt(5)'s own base 64.
fn crypt64(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte))
}

/// Why a line is none of an `authorized_keys` file (sshd(8)).
pub(crate) fn key_mistake(line: &str) -> Option<(&'static str, &'static str)> {
    const COPY: &str = "copy the whole line of the `.pub` file";
    if line.contains("PRIVATE KEY") {
        return Some(("this is a private key", "write the public one, of the `.pub` file"));
    }
    if line.contains(char::is_control) {
        return Some(("a key is one line", COPY));
    }
    let Some((kind, rest)) = key_type(line) else {
        let help = "it begins with a type, `ssh-ed25519`; options such as `no-pty` before it";
        return Some(("this names no type of a key that sshd takes", help));
    };
    let blob = rest.split_whitespace().next().unwrap_or_default();
    let Ok(bytes) = STANDARD.decode(blob) else {
        return Some(("the key is cut off, or not base 64", COPY));
    };
    let fields = ssh_fields(&bytes);
    let Some([inner, fields @ ..]) = fields.as_deref() else {
        return Some(("the key is cut off", COPY));
    };
    if *inner != kind.as_bytes() {
        return Some(("the key is of another type than the line says", COPY));
    }
    let fits = match (kind, fields) {
        ("ssh-ed25519", [point]) | ("sk-ssh-ed25519@openssh.com", [point, _]) => point.len() == 32,
        ("ssh-rsa", [_, modulus]) => {
            // A leading zero says that the number is not negative.
            if modulus.len() < 256 {
                let help = "make another: `ssh-keygen -t ed25519`";
                return Some(("an RSA key of less than 2048 bits is broken", help));
            }
            true
        }
        (_, [curve, point]) if kind.starts_with("ecdsa-") => {
            kind.as_bytes().ends_with(curve) && point.len() > 64
        }
        ("sk-ecdsa-sha2-nistp256@openssh.com", [curve, point, _]) => {
            *curve == b"nistp256" && point.len() == 65
        }
        _ => false,
    };
    (!fits).then_some(("the key does not have the parts of its type", COPY))
}

const KEY_TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// The type of a line's key, and what stands behind it. Options may stand before it, with blanks
/// in quotes alone.
fn key_type(line: &str) -> Option<(&'static str, &str)> {
    let of = |text: &str| KEY_TYPES.into_iter().find(|kind| text == *kind);
    let line = line.trim();
    let (first, rest) = line.split_once(char::is_whitespace)?;
    if let Some(kind) = of(first) {
        return Some((kind, rest));
    }
    let (mut quoted, mut escaped) = (false, false);
    let end = line.char_indices().find(|(_, letter)| {
        match letter {
            '"' if !escaped => quoted = !quoted,
            letter if letter.is_whitespace() && !quoted => return true,
            _ => {}
        }
        escaped = *letter == '\\' && !escaped;
        false
    });
    let (_, rest) = line.split_at(end?.0);
    let (kind, rest) = rest.trim_start().split_once(char::is_whitespace)?;
    Some((of(kind)?, rest))
}

/// Parts of a key, each with its length before it (RFC 4253, 6.6); none when the lengths do not
/// come out even.
fn ssh_fields(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        fields.push(field);
        bytes = rest;
    }
    Some(fields)
}

#[cfg(test)]
mod tests;
