ways = [true, false]

ways.each do |way|
  %w[kept gone none].each do |name|
    5.times do |number|
      control "package-#{number}-#{way}-#{name}" do
        describe package(name) do
          it { way ? should(be_installed) : should_not(be_installed) } if number.zero?
          asked = [nil, eq('1:2.10-1'), match(/^1:/), cmp('1:2.10-1'), be_nil][number]
          its('version') { way ? should(asked) : should_not(asked) } unless asked.nil?
        end
      end
    end
  end
  %w[plain real masked masked.service none].each do |name|
    control "service-#{way}-#{name}" do
      describe systemd_service(name) do
        it { way ? should(be_installed) : should_not(be_installed) }
      end
    end
    control "service-enabled-#{way}-#{name}" do
      describe service(name) do
        it { way ? should(be_enabled) : should_not(be_enabled) }
      end
    end
  end
  %w[net.ipv4.ip_forward kernel.panic net.ipv4.tcp_rmem kernel.none].each do |name|
    14.times do |number|
      control "parameter-#{number}-#{way}-#{name}" do
        asked = [
          eq(0), cmp(0), cmp('10'), eq('0'), be_in([0, 10]), cmp >= 5, be > 9, match(/^4096/), cmp(/^1/), be_nil,
          eq("4096\t87380  6291456"), cmp('4096'), cmp < 5, match(/0/)
        ][number]
        describe kernel_parameter(name) do
          its('value') { way ? should(asked) : should_not(asked) }
        end
      end
    end
  end
  %w[cramfs floppy none].each do |name|
    control "module-#{way}-#{name}" do
      describe kernel_module(name) do
        it { way ? should(be_disabled) : should_not(be_disabled) }
      end
    end
    control "blacklisted-#{way}-#{name}" do
      describe kernel_module(name) do
        it { way ? should(be_blacklisted) : should_not(be_blacklisted) }
      end
    end
  end
  %w[root ann lost none].each do |name|
    control "user-#{way}-#{name}" do
      describe user(name) do
        it { way ? should(exist) : should_not(exist) }
      end
    end
    8.times do |number|
      control "account-#{number}-#{way}-#{name}" do
        part, asked = [
          ['uid', eq(0)], ['uid', cmp > 999], ['home', eq('/home/ann')], ['home', match(/^.home/)],
          ['shell', cmp('/BIN/SH')], ['shell', be_in(['/bin/sh', '/bin/bash'])], ['groups', include('adm')],
          ['group', eq('users')]
        ][number]
        describe user(name) do
          its(part) { way ? should(asked) : should_not(asked) }
        end
      end
    end
  end
  %w[adm none].each do |name|
    control "group-#{way}-#{name}" do
      describe group(name) do
        it { way ? should(exist) : should_not(exist) }
      end
      describe group(name) do
        its('gid') { way ? should(eq(4)) : should_not(eq(4)) }
      end
    end
  end
end

control 'condition-holds' do
  only_if('there is a greeting') { file('/etc/motd').exist? && !package('gone').installed? }
  describe file('/etc/motd') do
    its('content') { should include input('greeting') }
  end
end

control 'condition-fails' do
  only_if { package('gone').installed? || file('/etc/dangling').exist? }
  describe file('/etc/motd') do
    it { should_not exist }
  end
end

control 'condition-absent' do
  only_if { !file('/etc/dangling').exist? }
  describe file('/etc/motd') do
    it { should_not exist }
  end
end

control 'condition-of-machine' do
  only_if('Not for containers', impact: 0.0) { !virtualization.system.eql?('docker') }
  only_if { !%w[docker podman].include?(virtualization.system) && !file('/etc/nothing').exist? }
  describe file('/etc/motd') do
    it { should exist }
  end
end

control 'condition-of-inputs' do
  only_if { input('strict') && input('limit') > 10 }
  describe group(input('administrators')) do
    it { should exist }
    its('gid') { should be < input('limit') }
  end
end

control 'inputs' do
  title "The #{input('administrators')} group"
  tag nist: %w[AC-6 CM-6]
  tag 'odd name': '${x}'
  describe group(input('administrators')) do
    its('gid') { should eq 4 }
  end
end

# What has no equal in KDL, and must not pass for less than it is.
control 'ruby-command' do
  describe command('id').stdout.strip do
    it { should eq 'root' }
  end
end

control 'ruby-half' do
  describe file('/etc/motd') do
    it { should exist }
    its('sha256sum') { should eq 'x' }
  end
end

control 'ruby-subject' do
  describe file('/etc/motd') do
    it { expect(subject.content.lines.first).to include 'rsh' }
  end
end

control 'ruby-text' do
  text = "#{file('/etc/motd').content} rsh"
  describe text do
    it { should include 'telnet' }
  end
end

control 'ruby-conditional' do
  describe file('/etc/motd') do
    it { should exist }
    its('content') { should include 'rsh' } if file('/etc/issue').content.include?('Welcome')
  end
end

control 'ruby-loop' do
  file('/etc/passwd').content.lines.each do |line|
    describe user(line.split(':').first) do
      it { should_not exist }
    end
  end
end

control 'ruby-condition' do
  only_if { file('/etc/motd').content.lines.length > 1 }
  describe file('/etc/motd') do
    it { should_not exist }
  end
end

control 'ruby-impact' do
  only_if('Not here', impact: 0.0) { file('/etc/motd').exist? }
  describe file('/etc/motd') do
    it { should exist }
  end
end

control 'ruby-system' do
  only_if { os.debian? }
  describe file('/etc/motd') do
    it { should_not exist }
  end
end

control 'ruby-list' do
  describe passwd.where { uid == '0' } do
    its('users') { should eq ['root'] }
  end
end

control 'ruby-hand' do
  describe 'somebody' do
    skip 'looks at it'
  end
end

control 'ruby-nothing' do
  title 'Asks nothing'
end
