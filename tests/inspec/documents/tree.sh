# Documents of every kind, and two certificates that openssl made, which end in a hundred years.
mkdir -p etc/ssl etc/xinetd.d/more
cat > etc/ssl/node.pem <<'PEM'
Words before it.
-----BEGIN CERTIFICATE-----
MIIEFjCCAv6gAwIBAgICEjQwDQYJKoZIhvcNAQELBQAwcDELMAkGA1UEBhMCREUx
DzANBgNVBAgMBkJlcmxpbjEVMBMGA1UECgwMRXhhbXBsZSwgSW5jMRkwFwYDVQQD
DBBub2RlLmV4YW1wbGUub3JnMR4wHAYJKoZIhvcNAQkBFg9vcHNAZXhhbXBsZS5v
cmcwIBcNMjYxMTI3MTgzMDMzWhgPMjEyNjExMDMxODMwMzNaMHAxCzAJBgNVBAYT
AkRFMQ8wDQYDVQQIDAZCZXJsaW4xFTATBgNVBAoMDEV4YW1wbGUsIEluYzEZMBcG
A1UEAwwQbm9kZS5leGFtcGxlLm9yZzEeMBwGCSqGSIb3DQEJARYPb3BzQGV4YW1w
bGUub3JnMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvobQqQXLaoHL
0S1UetrHD7L/RuSWzLL1r5FO8sOXFOuoNma7vl9N18stMdbmSpzmzq7RBZy3RNh3
vCuaHpW7DwIYQE7doR5576fH9J7mfuq3BQLcPFK1zx9H48UIs9Sr20hO5AIapSWO
K7PMGrk7YwA5o9zUBjyFG7uXHNqDT3n1ifnC8t2gDGHF7++QDK5oPcokqdqcsCmF
ytL1Uu4UM/p3iIr+qxLcKvPtrqrYVegHqqsljv66jGEM4UxBhV3rcTeDB5CE0eb7
nVL+k4mtv/8RyAnnHe1WhnS5rWJroVslV52ls9ZflnwOuy9ivMG3oOkI2KPAi64W
n1oSe7+cHwIDAQABo4G3MIG0MB0GA1UdDgQWBBSWOMGonVxQiorbJ7TeK2piLLr/
xjAfBgNVHSMEGDAWgBSWOMGonVxQiorbJ7TeK2piLLr/xjAPBgNVHRMBAf8EBTAD
AQH/MDIGA1UdEQQrMCmCEG5vZGUuZXhhbXBsZS5vcmeHBMAAAgGBD29wc0BleGFt
cGxlLm9yZzAOBgNVHQ8BAf8EBAMCAoQwHQYDVR0lBBYwFAYIKwYBBQUHAwEGCCsG
AQUFBwMCMA0GCSqGSIb3DQEBCwUAA4IBAQATXnHrClTCON7kjSg2eAyyzst7N5eB
T9lay+BPwS6xZ1HYwLGlNKlhcQUSVdC6f2du9JtB7vEvDryCKoZyqO5mdwkFpIu6
k7e+uToelJxk8h3pwOVKWTjSyL71YZfG66MJPHwm80xBjjyzoUq7l+S+VVoPTeqz
WYxVBT/es6QSe9IDHaXxxyos4XI2pFgYLWrNdR7Ft8rJmvUDrcR3hOS1lVorSjmj
d2Ddz3xO1/KOYoOvCqjIisvLHeoEV3QnMbT1ygxK+hUWpaQCcHYI+rYkSfXZYcoX
NdZka0Sj7HbKeBfxxBbDKreKd4Pm0GEdHaApTKZG+RKDgmu7WmTLbRaz
-----END CERTIFICATE-----
PEM
cat > etc/ssl/ec.pem <<'PEM'
-----BEGIN CERTIFICATE-----
MIIBcDCCARegAwIBAgIUZjUBxo2lqo1mi2YK0TLwxjCfoNYwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCZWMwIBcNMjYxMTI3MTgzMDMzWhgPMjEyNjExMDMxODMwMzNa
MA0xCzAJBgNVBAMMAmVjMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo0nS3+l/
5+cH6UOuRMu2E3p/C1gNsyifX8kTviU8UiwgMO+tUVYK4NeVMv0PCZuUG21pE4+7
hSJldAQ8rgQ8cKNTMFEwHQYDVR0OBBYEFO6z6k5OYzvtdoBM1Khl1FdpNuL1MB8G
A1UdIwQYMBaAFO6z6k5OYzvtdoBM1Khl1FdpNuL1MA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDRwAwRAIgOY9pXp+VdJQ6Wn+P3XSBsmT4bZoSKKTUenj44Y+/
D0MCIEk9KSY1xwaOjnsrDsWVPW2iWaddu++OhOxwK4P7qp/X
-----END CERTIFICATE-----
PEM
echo 'no certificate' > etc/ssl/text.pem
cat > etc/xinetd.conf <<'CONF'
defaults
{
    instances = 60
}

includedir /etc/xinetd.d
CONF
cat > etc/xinetd.d/chargen <<'CONF'
# two of a name
service chargen
{
    disable = yes
    id = chargen-stream
    socket_type = stream
    wait = no
}
service chargen
{
    disable = yes  # as the other
    id = chargen-dgram
    socket_type = dgram
}
CONF
cat > etc/xinetd.d/more/tftp <<'CONF'
service tftp
{
    disable = no
    socket_type = dgram
    protocol = udp
}
CONF
cat > etc/people.csv <<'CSV'
name,uid,mode,since
ann,1000,010,2024-01-02
bob,,1.5,never
"eve, admin",-3,x
CSV
cat > etc/app.toml <<'TOML'
title = "app"
ports = [80, 443]
[limits]
depth = 1.5
"dotted.key" = true
[[hosts]]
name = "a"
TOML
echo 'a = ' > etc/broken.toml
cat > etc/app.xml <<'XML'
<?xml version="1.0"?>
<app name="x"><port kind="tcp">80</port><port kind="udp">53</port>
  <log><level>info</level></log><log.file>y</log.file><empty/></app>
XML
mkdir -p etc/nginx/sites etc/nginx/empty
cat > etc/nginx/nginx.conf <<'CONF'
# The whole.
user www-data;
worker_processes auto; pid /run/nginx.pid;
events { worker_connections 768; multi_accept on; }
http {
    include mime.types;
    log_format main '$remote_addr - "$request"' "; \" {}";
    server_tokens off;
    add_header X-Frame-Options SAMEORIGIN;   # one
    add_header "X-Content-Type-Options" nosniff;
    upstream app { ip_hash; server 192.0.2.1:80; server 192.0.2.2:80 backup; }
    include /etc/nginx/sites/*.conf;
    include /etc/nginx/empty/*;
}
CONF
printf 'types {\n    text/html html htm;\n    video/3gpp 3gp;\n}\n' > etc/nginx/mime.types
cat > etc/nginx/sites/a.conf <<'CONF'
server {
    listen 443 ssl; server_name a.example.org www.example.org;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / { root /srv/a; }
    location ~ \.php$ { deny all; }
}
CONF
printf 'server { listen 80; server_name b.example.org; location / { return 301 https://b.example.org; } }\n' > etc/nginx/sites/b.conf
echo 'http { server {' > etc/nginx/open.conf
echo 'include /etc/nginx/loop.conf;' > etc/nginx/loop.conf
echo '# nothing' > etc/nginx/comment.conf
printf '# TYPE DATABASE USER ADDRESS METHOD\n\nlocal all all peer\nhost all all 10.0.0.0/8 scram-sha-256 clientcert=verify-full map=x\n' > etc/pg_hba.conf
printf '# map\nssl root postgres\n' > etc/pg_ident.conf
