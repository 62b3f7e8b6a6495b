//! Resources by their names.

use std::rc::Rc;

use super::{
    accounts, audit, config_kinds, file, live, mount, packages, platform, service, structured, walk,
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
    "os_env",
    "parse_config",
    "parse_config_file",
    "json",
    "yaml",
    "ini",
    "auditd",
    "suid_check",
    "noop",
];

/// Whether a word names a resource of `InSpec`.
pub(super) fn is_known(name: &str) -> bool {
    MADE.contains(&name)
        || config_kinds::is_kind(name)
        || live::is_live(name)
        || OTHERS.contains(&name)
}

/// Resources of `InSpec` that nothing here makes: they need Ruby.
const OTHERS: &[&str] = &[
    "aide_conf",
    "apache",
    "apache_conf",
    "apt",
    "audit_policy",
    "bond",
    "bridge",
    "cassandra",
    "cassandradb_conf",
    "cgroup",
    "chocolatey_package",
    "cpan",
    "cran",
    "cron",
    "crontab",
    "csv",
    "default_gateway",
    "dh_params",
    "etc_hosts",
    "etc_hosts_allow",
    "etc_hosts_deny",
    "firewalld",
    "gem",
    "grub_conf",
    "iis_app",
    "iis_site",
    "interface",
    "interfaces",
    "ipfilter",
    "ipnat",
    "key_rsa",
    "launchd_service",
    "lxc",
    "mail_alias",
    "mssql_sys_conf",
    "mysql",
    "mysql_conf",
    "nginx",
    "nginx_conf",
    "npm",
    "oneget",
    "oracledb_conf",
    "pip",
    "postfix_conf",
    "postgres",
    "postgres_conf",
    "postgres_hba_conf",
    "postgres_ident_conf",
    "ppa",
    "registry_key",
    "security_identifier",
    "security_policy",
    "ssh_key",
    "timezone",
    "toml",
    "vbscript",
    "windows_feature",
    "windows_hotfix",
    "windows_task",
    "wmi",
    "x509_certificate",
    "x509_private_key",
    "xinetd_conf",
    "xml",
    "yum",
    "zfs_dataset",
    "zfs_pool",
    "php_config",
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
            let Some(path) = args.first().filter(|path| path.as_text().is_some()) else {
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
        "user" => accounts::user(&text()),
        "users" => accounts::users(machine)?,
        "group" => accounts::group(&text()),
        "groups" => accounts::groups(machine)?,
        "passwd" => accounts::passwd(machine, args)?,
        "shadow" => accounts::shadow(machine, args)?,
        "etc_group" => accounts::etc_group(machine, args)?,
        "os" | "platform" => platform::os(name),
        "virtualization" => platform::virtualization(),
        "command" | "bash" | "script" | "ksh" | "powershell" => live::command(name, &text()),
        "os_env" => live::os_env(&text()),
        "parse_config" | "parse_config_file" => config_kinds::parse_config(machine, name, args)?,
        "json" => structured::make(machine, "json", args)?,
        "yaml" => structured::make(machine, "yaml", args)?,
        "ini" => structured::make(machine, "ini", args)?,
        "auditd" => audit::auditd(machine)?,
        _ => {
            if let Some(config) = config_kinds::make(machine, name, args)? {
                return Ok(Some(config));
            }
            return Ok(live::make(name, args));
        }
    };
    Ok(Some(resource))
}
