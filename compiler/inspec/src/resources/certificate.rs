//! `x509_certificate`: what a certificate in a file says.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use sha1::{Digest as _, Sha1};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Any, Decode as _, Tag, Tagged as _};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::config_kinds::read;
use super::walk::hex;
use super::{Called, Resource};
use crate::core::time::{Kind, Moment};
use crate::interp::{Given, Machine};
use crate::map::Map;
use crate::stop::Eval;
use crate::value::Value;

#[derive(Debug)]
struct X509 {
    path: Rc<str>,
    /// Why it cannot be asked, or the certificate.
    certificate: Result<Box<Certificate>, String>,
    der: Vec<u8>,
}

/// `x509_certificate(path)`.
pub(super) fn make(machine: &mut Machine<'_>, args: &[Value]) -> Eval {
    let path: Rc<str> = match args.first() {
        Some(Value::Hash(options)) => match options.borrow().symbol("filepath") {
            Some(path) => path.text(),
            None => return Err(machine.needs_ruby("a certificate that is no file")),
        },
        Some(path) => path.text(),
        None => return Err(machine.raise("ArgumentError", "a certificate needs a path")),
    };
    let place = super::file::normal(&path);
    let (mut der, mut certificate) = (Vec::new(), Err(String::new()));
    // The text tells whether there is a file; what is no text is read again as it is.
    if let Err(why) = read(machine, &path, false)? {
        certificate = Err(why);
    } else {
        let bytes = machine.answer(machine.target.read(&place))?.unwrap_or_default();
        if let Some(found) = der_of(&bytes) {
            der = found;
            certificate = Certificate::from_der(&der).map(Box::new).map_err(|e| e.to_string());
        }
        if let Err(why) = &certificate {
            let why = format!("`{path}` holds no certificate that can be read {why}");
            return Err(machine.raise("OpenSSL::X509::CertificateError", why.trim_end()));
        }
    }
    Ok(Value::Resource(Rc::new(X509 { path, certificate, der })))
}

/// The first certificate of a file, armoured or not.
fn der_of(bytes: &[u8]) -> Option<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    if bytes.first() == Some(&0x30) {
        return Some(bytes.to_vec());
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let body = &text[text.find(BEGIN)? + BEGIN.len()..];
    let body: String = body[..body.find("-----END")?].split_whitespace().collect();
    STANDARD.decode(body).ok()
}

impl Resource for X509 {
    fn kind(&self) -> &'static str {
        "x509_certificate"
    }

    fn text(&self) -> String {
        format!("x509_certificate {}", self.path)
    }

    fn skipped(&self) -> Option<String> {
        self.certificate.as_ref().err().cloned()
    }

    fn call(
        self: Rc<Self>,
        machine: &mut Machine<'_>,
        name: &str,
        _args: &[Value],
        _block: Given<'_>,
    ) -> Called {
        machine.note_file(&super::file::normal(&self.path));
        let Ok(certificate) = &self.certificate else {
            machine.note_absent();
            return Ok((name == "certificate?").then_some(Value::Bool(false)));
        };
        let body = &certificate.tbs_certificate;
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let (begin, end) = (seconds(body.validity.not_before), seconds(body.validity.not_after));
        let moment = |at| match DateTime::from_timestamp(at, 0) {
            Some(at) => Value::Moment(Moment { at: at.naive_utc(), kind: Kind::Time }),
            None => Value::Unknown("the time is out of range".into()),
        };
        let now = machine.state.now;
        let by_clock = |answer: fn(i64, i64, i64) -> Value| match now {
            Some(now) => answer(now, begin, end),
            None => Value::Unknown("nobody said what time it is".into()),
        };
        Ok(Some(match name {
            "certificate?" => Value::Bool(true),
            "resource_id" => Value::Str(self.path.clone()),
            "fingerprint" => hex(&Sha1::digest(&self.der)).into(),
            "serial" => serial(body.serial_number.as_bytes()),
            "subject_dn" => oneline(&body.subject),
            "issuer_dn" => oneline(&body.issuer),
            "subject" => parts(&body.subject),
            "issuer" => parts(&body.issuer),
            "version" => Value::Int(body.version as i64),
            "not_before" => moment(begin),
            "not_after" => moment(end),
            "valid?" => by_clock(|now, begin, end| (begin <= now && now <= end).into()),
            #[expect(clippy::cast_precision_loss, reason = "days of a certificate are few")]
            "validity_in_days" => {
                by_clock(|now, _, end| Value::Float((end - now) as f64 / 86_400.0))
            }
            "signature_algorithm" => algorithm(certificate.signature_algorithm.oid),
            "key_length" | "keylength" => {
                let key = &body.subject_public_key_info;
                match rsa_bytes(key.subject_public_key.raw_bytes()) {
                    Some(bytes) if key.algorithm.oid == RSA => Value::int(bytes * 8),
                    _ => return Err(machine.raise("NoMethodError", "the key is not one of RSA")),
                }
            }
            "extensions" => extensions(body.extensions.as_deref().unwrap_or_default()),
            "email" => machine.send(&parts(&body.subject), "emailAddress", &[], None)?,
            "subject_alt_names" => {
                let all = extensions(body.extensions.as_deref().unwrap_or_default());
                machine.send(&all, "subjectAltName", &[], None)?
            }
            "public_key" | "has_purpose?" => {
                return Err(machine.needs_ruby(format!("`{name}` of a certificate")));
            }
            _ => return Ok(None),
        }))
    }

    fn responds(&self, name: &str) -> bool {
        matches!(name, "certificate?" | "valid?")
    }
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The bytes of the modulus of a key: a sequence of two numbers, of which it is the first.
fn rsa_bytes(key: &[u8]) -> Option<usize> {
    let numbers = Vec::<x509_cert::der::asn1::Int>::from_der(key).ok()?;
    let modulus = numbers.first()?.as_bytes();
    Some(modulus.iter().skip_while(|byte| **byte == 0).count())
}

fn serial(bytes: &[u8]) -> Value {
    if bytes.len() > 8 || bytes.first().is_some_and(|byte| bytes.len() == 8 && *byte >= 0x80) {
        return Value::Unknown("numbers of more than 63 bits are not reckoned with".into());
    }
    Value::Int(bytes.iter().fold(0, |number, byte| number << 8 | i64::from(*byte)))
}

/// The short names that OpenSSL has for the parts of a name.
fn short(oid: ObjectIdentifier) -> Option<&'static str> {
    const KNOWN: &[(&str, &str)] = &[
        ("2.5.4.3", "CN"),
        ("2.5.4.4", "SN"),
        ("2.5.4.5", "serialNumber"),
        ("2.5.4.6", "C"),
        ("2.5.4.7", "L"),
        ("2.5.4.8", "ST"),
        ("2.5.4.9", "street"),
        ("2.5.4.10", "O"),
        ("2.5.4.11", "OU"),
        ("2.5.4.12", "title"),
        ("2.5.4.42", "GN"),
        ("0.9.2342.19200300.100.1.1", "UID"),
        ("0.9.2342.19200300.100.1.25", "DC"),
        ("1.2.840.113549.1.9.1", "emailAddress"),
    ];
    let text = oid.to_string();
    KNOWN.iter().find(|(known, _)| *known == text).map(|(_, name)| *name)
}

fn text(value: &Any) -> Option<String> {
    Some(match value.tag() {
        Tag::Utf8String => Utf8StringRef::try_from(value).ok()?.as_str().to_owned(),
        Tag::PrintableString => PrintableStringRef::try_from(value).ok()?.as_str().to_owned(),
        Tag::Ia5String => Ia5StringRef::try_from(value).ok()?.as_str().to_owned(),
        _ => return None,
    })
}

/// The parts of a name in their order; none where one of them is not known here.
fn named(name: &Name) -> Option<Vec<(&'static str, String)>> {
    let all = name.0.iter().flat_map(|parts| parts.0.iter());
    all.map(|part| Some((short(part.oid)?, text(&part.value)?))).collect()
}

fn unknown() -> Value {
    Value::Unknown("the certificate names something that is not known here".into())
}

/// `/C=DE/O=Example/CN=node`.
fn oneline(name: &Name) -> Value {
    let Some(parts) = named(name) else { return unknown() };
    let mut line = String::new();
    for (name, value) in parts {
        line.push_str(&format!("/{name}="));
        for byte in value.bytes() {
            match byte {
                b' '..=b'~' => line.push(char::from(byte)),
                _ => line.push_str(&format!("\\x{byte:02X}")),
            }
        }
    }
    line.into()
}

/// The parts by their names; of several of a name the last.
fn parts(name: &Name) -> Value {
    let Some(parts) = named(name) else { return unknown() };
    let pairs = parts.into_iter().map(|(name, value)| (name.into(), value.into()));
    pairs.collect::<Map>().by_method(true).into()
}

fn algorithm(oid: ObjectIdentifier) -> Value {
    const KNOWN: &[(&str, &str)] = &[
        ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
        ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
        ("1.2.840.113549.1.1.10", "rsassaPss"),
        ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
        ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
        ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
        ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
        ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
        ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
        ("1.3.101.112", "ED25519"),
    ];
    let text = oid.to_string();
    let known = KNOWN.iter().find(|(known, _)| *known == text);
    known.map_or_else(unknown, |(_, name)| (*name).into())
}

/// Extensions by the names of OpenSSL, as it prints them, in lists.
fn extensions(all: &[Extension]) -> Value {
    const STANDARD: &[(&str, &str)] = &[
        ("2.5.29.15", "keyUsage"),
        ("2.5.29.37", "extendedKeyUsage"),
        ("2.5.29.19", "basicConstraints"),
        ("2.5.29.14", "subjectKeyIdentifier"),
        ("2.5.29.35", "authorityKeyIdentifier"),
        ("2.5.29.17", "subjectAltName"),
        ("2.5.29.18", "issuerAltName"),
        ("1.3.6.1.5.5.7.1.1", "authorityInfoAccess"),
        ("2.5.29.31", "crlDistributionPoints"),
        ("2.5.29.28", "issuingDistributionPoint"),
        ("2.5.29.32", "certificatePolicies"),
        ("2.5.29.36", "policyConstraints"),
        ("2.5.29.30", "nameConstraints"),
        ("1.3.6.1.5.5.7.48.1.5", "noCheck"),
        ("1.3.6.1.5.5.7.1.24", "tlsfeature"),
        ("2.16.840.1.113730.1.13", "nsComment"),
    ];
    let mut map = Map::default().by_method(true);
    for (oid, name) in STANDARD {
        let found = all.iter().find(|extension| extension.extn_id.to_string() == *oid);
        let value = match found {
            None => Vec::<Value>::new().into(),
            Some(extension) => match printed(name, extension.extn_value.as_bytes()) {
                Some(mut items) => {
                    if extension.critical {
                        items.insert(0, "critical".to_owned());
                    }
                    Value::strings(items)
                }
                None => unknown(),
            },
        };
        map.insert((*name).into(), value);
    }
    map.into()
}

fn printed(name: &str, der: &[u8]) -> Option<Vec<String>> {
    let texts = |all: Vec<&str>| all.into_iter().map(str::to_owned).collect();
    Some(match name {
        "basicConstraints" => {
            let found = BasicConstraints::from_der(der).ok()?;
            let mut items = vec![format!("CA:{}", if found.ca { "TRUE" } else { "FALSE" })];
            items.extend(found.path_len_constraint.map(|length| format!("pathlen:{length}")));
            items
        }
        "subjectKeyIdentifier" => {
            let found = SubjectKeyIdentifier::from_der(der).ok()?;
            let bytes = found.0.as_bytes().iter().map(|byte| format!("{byte:02X}"));
            vec![bytes.collect::<Vec<_>>().join(":")]
        }
        "keyUsage" => {
            let found = KeyUsage::from_der(der).ok()?;
            let uses = [
                (found.digital_signature(), "Digital Signature"),
                (found.non_repudiation(), "Non Repudiation"),
                (found.key_encipherment(), "Key Encipherment"),
                (found.data_encipherment(), "Data Encipherment"),
                (found.key_agreement(), "Key Agreement"),
                (found.key_cert_sign(), "Certificate Sign"),
                (found.crl_sign(), "CRL Sign"),
                (found.encipher_only(), "Encipher Only"),
                (found.decipher_only(), "Decipher Only"),
            ];
            texts(uses.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect())
        }
        "extendedKeyUsage" => {
            let found = ExtendedKeyUsage::from_der(der).ok()?;
            let name = |oid: &ObjectIdentifier| match oid.to_string().as_str() {
                "1.3.6.1.5.5.7.3.1" => Some("TLS Web Server Authentication"),
                "1.3.6.1.5.5.7.3.2" => Some("TLS Web Client Authentication"),
                "1.3.6.1.5.5.7.3.3" => Some("Code Signing"),
                "1.3.6.1.5.5.7.3.4" => Some("E-mail Protection"),
                "1.3.6.1.5.5.7.3.8" => Some("Time Stamping"),
                "1.3.6.1.5.5.7.3.9" => Some("OCSP Signing"),
                _ => None,
            };
            texts(found.0.iter().map(name).collect::<Option<Vec<_>>>()?)
        }
        "subjectAltName" => {
            let found = SubjectAltName::from_der(der).ok()?;
            found.0.iter().map(alternative).collect::<Option<Vec<_>>>()?
        }
        _ => return None,
    })
}

fn alternative(name: &GeneralName) -> Option<String> {
    Some(match name {
        GeneralName::DnsName(name) => format!("DNS:{}", name.as_str()),
        GeneralName::Rfc822Name(name) => format!("email:{}", name.as_str()),
        GeneralName::UniformResourceIdentifier(name) => format!("URI:{}", name.as_str()),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            if let Ok(four) = <[u8; 4]>::try_from(bytes) {
                format!("IP Address:{}", Ipv4Addr::from(four))
            } else {
                let sixteen = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
                let parts = sixteen.segments().map(|part| format!("{part:X}"));
                format!("IP Address:{}", parts.join(":"))
            }
        }
        _ => return None,
    })
}
