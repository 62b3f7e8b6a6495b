# Certificates, xinetd, CSV, TOML and XML.
control 'certificate' do
  describe x509_certificate('/etc/ssl/node.pem') do
    it { should be_certificate }
    it { should be_valid }
    its('fingerprint') { should eq '764ca8abe0e54311a074d35550a6673983eb6b43' }
    its('serial') { should eq 4660 }
    its('subject_dn') { should eq '/C=DE/ST=Berlin/O=Example, Inc/CN=node.example.org/emailAddress=ops@example.org' }
    its('subject.CN') { should eq 'node.example.org' }
    its('issuer.O') { should match(/Example/) }
    its('key_length') { should be >= 2048 }
    its('signature_algorithm') { should eq 'sha256WithRSAEncryption' }
    its('validity_in_days') { should be > 30 }
    its('version') { should eq 2 }
    its('not_after.year') { should be > 2100 }
    its('extensions.subjectKeyIdentifier') { should cmp '96:38:C1:A8:9D:5C:50:8A:8A:DB:27:B4:DE:2B:6A:62:2C:BA:FF:C6' }
    its('extensions.basicConstraints') { should eq ['critical', 'CA:TRUE'] }
    its('extensions.keyUsage') { should include 'Certificate Sign' }
    its('extensions.extendedKeyUsage') { should include 'TLS Web Server Authentication' }
    its('extensions.subjectAltName') { should eq ['DNS:node.example.org', 'IP Address:192.0.2.1', 'email:ops@example.org'] }
    its('subject_alt_names') { should include 'IP Address:192.0.2.1' }
    its('email') { should eq 'ops@example.org' }
    its('extensions.nsComment') { should be_empty }
    its('extensions.authorityKeyIdentifier') { should be_empty }
  end
  describe x509_certificate('/etc/ssl/ec.pem') do
    its('signature_algorithm') { should eq 'ecdsa-with-SHA256' }
    its('key_length') { should be >= 256 }
    its('email') { should be_nil }
    its('subject_alt_names') { should eq [] }
  end
  describe x509_certificate('/etc/ssl/absent.pem') do
    it { should be_certificate }
  end
end

control 'no certificate' do
  describe x509_certificate('/etc/ssl/text.pem') do
    it { should_not be_certificate }
  end
end

control 'xinetd' do
  describe xinetd_conf.services('chargen') do
    its('socket_types') { should eq %w[stream dgram] }
    its('protocols') { should eq %w[tcp udp] }
    its('ids') { should include 'chargen-stream' }
    it { should be_disabled }
    it { should_not be_enabled }
  end
  describe xinetd_conf.services('tftp') do
    it { should be_disabled }
  end
  describe xinetd_conf('/etc/absent.conf').services('tftp') do
    it { should be_disabled }
  end
end

control 'csv' do
  describe csv('/etc/people.csv') do
    its('name') { should eq ['ann', 'bob', 'eve, admin'] }
    its('uid') { should eq [1000, -3] }
    its('mode') { should eq [8, 1.5, 'x'] }
    its('since') { should include 'never' }
  end
  describe csv('/etc/people.csv', false).params do
    its('first') { should eq %w[name uid mode since] }
  end
end

control 'toml' do
  describe toml('/etc/app.toml') do
    its('title') { should eq 'app' }
    its(['ports', 1]) { should eq 443 }
    its(['limits', 'depth']) { should eq 1.5 }
    its(['limits', 'dotted.key']) { should be true }
    its(['hosts', 0, 'name']) { should eq 'a' }
  end
  describe toml('/etc/broken.toml') do
    its('a') { should eq 1 }
  end
end

control 'xml' do
  describe xml('/etc/app.xml') do
    its('app/port') { should eq %w[80 53] }
    its('/app/port[2]') { should eq ['53'] }
    its('//level') { should eq ['info'] }
    its(['app/log.file']) { should eq ['y'] }
    its('app/@name') { should eq ['x'] }
    its(["app/port[@kind='udp']"]) { should eq ['53'] }
    its('app/empty') { should eq [nil] }
    its('app/none') { should eq [] }
    its('count(//port)') { should eq [2] }
  end
end

control 'nginx' do
  describe nginx_conf do
    its('user') { should eq ['www-data'] }
    its('worker_processes') { should cmp 'auto' }
    its('absent') { should be_nil }
  end
  describe nginx_conf.params['events'].first do
    its(['multi_accept']) { should eq [['on']] }
  end
  describe nginx_conf.http.entries.first do
    its('server_tokens') { should eq ['off'] }
    its('add_header') { should include 'X-Content-Type-Options' }
    its('log_format') { should include '; \\" {}' }
    its('absent') { should be_empty }
  end
  describe nginx_conf.params['http'].first['upstream'].first do
    its(['_']) { should eq ['app'] }
    its(['ip_hash']) { should eq [[]] }
    its(['server']) { should eq [['192.0.2.1:80'], ['192.0.2.2:80', 'backup']] }
  end
  describe nginx_conf.params['http'].first['types'].first do
    its(['text/html']) { should eq [%w[html htm]] }
  end
  nginx_conf.servers.each do |server|
    describe server do
      its('listen') { should include(/443/) }
      its('ssl_protocols') { should_not include 'TLSv1' }
    end
  end
  describe nginx_conf.locations.map { |location| location.params['_'] } do
    it { should eq [['/'], ['~', '\.php$'], ['/']] }
  end
  describe nginx_conf.contents.keys do
    it { should eq ['/etc/nginx/nginx.conf'] }
  end
end

control 'no nginx' do
  describe nginx_conf('/absent').contents do
    it { should eq({}) }
  end
  describe nginx_conf('/etc/nginx/open.conf') do
    its('http') { should be_nil }
  end
  describe nginx_conf('/etc/nginx/loop.conf') do
    its('user') { should be_nil }
  end
  describe nginx_conf('/etc/nginx/absent.conf') do
    its('user') { should be_nil }
  end
  describe nginx_conf('/etc/nginx/comment.conf').params do
    it { should be_empty }
  end
end

control 'empty xml' do
  describe xml({ content: '' })['/a/b'] do
    it { should eq [] }
  end
end

control 'postgres' do
  describe postgres_hba_conf('/etc/pg_hba.conf') do
    its('type') { should eq %w[local host] }
    its('auth_method') { should eq %w[peer scram-sha-256] }
    its('auth_params') { should eq ['', 'clientcert=verify-full map=x'] }
  end
  describe postgres_hba_conf('/etc/pg_hba.conf').where { type == 'host' } do
    its('address') { should eq ['10.0.0.0/8'] }
  end
  describe postgres_hba_conf('/etc/pg_hba.conf').where { auth_method == 'trust' } do
    it { should_not exist }
  end
  describe postgres_ident_conf('/etc/pg_ident.conf') do
    its('pg_username') { should eq ['postgres'] }
  end
  describe postgres_hba_conf('/etc/absent.conf') do
    it { should exist }
  end
end
