//! Resources by their names.

use std::rc::Rc;

use super::{
    account, accounts, audit, certificate, config_kinds, file, grub, live, mount, nginx, packages,
    platform, running, servers, service, structured, tables, walk, xinetd,
};
use crate::interp::Machine;
use crate::stop::Stop;
use crate::value::Value;

/// Resources that are made here.
const MADE: &[&str] = &[
    "file",
    "directory",
    "package",
    "packages",
    "service",
    "systemd_service",
    "sysv_service",
    "upstart_service",
    "kernel_parameter",
    "linux_kernel_parameter",
    "kernel_module",
    "mount",
    "etc_fstab",
    "user",
    "users",
    "group",
    "groups",
    "passwd",
    "shadow",
    "etc_group",
    "command",
    "bash",
    "script",
    "ksh",
    "powershell",
    "os",
    "platform",
    "virtualization",
    "parse_config",
    "parse_config_file",
    "json",
    "yaml",
    "ini",
    "toml",
    "csv",
    "xml",
    "x509_certificate",
    "xinetd_conf",
    "nginx_conf",
    "auditd",
    "grub_conf",
    "suid_check",
    "noop",
];

/// Whether a word names a resource of `InSpec`.
pub(super) fn is_known(name: &str) -> bool {
    MADE.contains(&name)
        || config_kinds::is_kind(name)
        || live::is_live(name)
        || running::is_running(name)
        || tables::is_table(name)
        || servers::is_server(name)
        || WINDOWS.contains(&name)
        || OTHERS.contains(&name)
}

/// Resources of `InSpec` that are for Windows: they are skipped on all else.
const WINDOWS: &[&str] = &[
    "audit_policy",
    "chocolatey_package",
    "iis_app",
    "iis_site",
    "oneget",
    "registry_key",
    "security_identifier",
    "security_policy",
    "vbscript",
    "windows_feature",
    "windows_hotfix",
    "windows_task",
    "wmi",
];

/// Resources of `InSpec` that nothing here makes: they need Ruby.
const OTHERS: &[&str] = &[
    "apache",
    "apt",
    "cassandradb_conf",
    "cron",
    "dh_params",
    "key_rsa",
    "launchd_service",
    "mail_alias",
    "mssql_sys_conf",
    "oracledb_conf",
    "postfix_conf",
    "ppa",
    "ssh_key",
    "x509_private_key",
];

/// Built-in resources that libraries of public profiles only extend: the built-in one is taken, with
/// the extensions, whatever a library says.
const EXTENDED: &[&str] =
    &["os", "platform", "virtualization", "sshd_config", "ssh_config", "auditd_conf"];

/// Resources that libraries of public profiles bring, known by their names.
pub(super) fn of_library(
    machine: &mut Machine<'_>,
    name: &str,
    args: &[Value],
) -> Result<Option<Value>, Stop> {
    Ok(match name {
        "suid_check" => Some(Value::Resource(Rc::new(walk::SuidCheck::new(args.first())))),
        _ if EXTENDED.contains(&name) => make(machine, name, args)?,
        _ => None,
    })
}

/// A resource by its name.
pub(super) fn make(
    machine: &mut Machine<'_>,
    name: &str,
    args: &[Value],
) -> Result<Option<Value>, Stop> {
    let text = || args.first().map_or("".into(), Value::text);
    let resource: Value = match name {
        "file" | "directory" => {
            let Some(path) = args.first().filter(|path| path.as_text().is_some() || path.is_nil())
            else {
                let why = "a file needs a path, and this is none";
                return Err(machine.raise("ArgumentError", why));
            };
            file::FileResource::value(&path.text(), name == "directory")
        }
        "package" => packages::package(&text()),
        "packages" => packages::packages(machine, args)?,
        "service" | "systemd_service" | "sysv_service" | "upstart_service" => {
            service::make(name, &text())
        }
        "kernel_parameter" | "linux_kernel_parameter" => service::kernel_parameter(&text()),
        "kernel_module" => service::kernel_module(&text()),
        "mount" => mount::mount(&text()),
        "etc_fstab" => mount::fstab(machine, args)?,
        "user" => account::user(&text()),
        "users" => accounts::users(machine)?,
        "group" => account::group(&text()),
        "groups" => accounts::groups(machine)?,
        "passwd" => accounts::passwd(machine, args)?,
        "shadow" => accounts::shadow(machine, args)?,
        "etc_group" => accounts::etc_group(machine, args)?,
        "os" | "platform" => platform::os(name),
        "virtualization" => platform::virtualization(),
        "command" | "bash" | "script" | "ksh" | "powershell" => live::command(name, &text()),
        "parse_config" | "parse_config_file" => config_kinds::parse_config(machine, name, args)?,
        "json" => structured::make(machine, "json", args)?,
        "yaml" => structured::make(machine, "yaml", args)?,
        "ini" => structured::make(machine, "ini", args)?,
        "toml" => structured::make(machine, "toml", args)?,
        "csv" => structured::make(machine, "csv", args)?,
        "xml" => structured::make(machine, "xml", args)?,
        "x509_certificate" => certificate::make(machine, args)?,
        "xinetd_conf" => xinetd::make(machine, args)?,
        "nginx_conf" => nginx::make(machine, args)?,
        "auditd" => audit::auditd(machine)?,
        "grub_conf" => grub::make(machine, args)?,
        _ if WINDOWS.contains(&name) => config_kinds::unsupported(machine, name),
        _ if servers::is_server(name) => servers::make(machine, name, args)?,
        _ if tables::is_table(name) => tables::make(machine, name, args)?,
        _ => {
            if let Some(config) = config_kinds::make(machine, name, args)? {
                return Ok(Some(config));
            }
            return match running::make(machine, name, args) {
                Some(made) => made.map(Some),
                None => Ok(live::make(name, args)),
            };
        }
    };
    Ok(Some(resource))
}
