mkdir -p etc
head -c 10485760 /dev/zero | tr '\0' 'a' > etc/long
printf 'a\n' > etc/short
