mkdir -p etc/pam.d etc/sudoers.d bin
cat > etc/pam.d/login <<'S'
# comment
auth     required   pam_unix.so  nullok
auth     [default=die success=ok] pam_deny.so
password sufficient pam_unix.so sha512 rounds=5000
S
printf 'Defaults use_pty\nroot ALL=(ALL:ALL) ALL\n' > etc/sudoers
printf 'ops ALL=(root) NOPASSWD: /bin/x\n' > etc/sudoers.d/ops
printf 'x' > bin/cat
chmod 755 bin/cat
