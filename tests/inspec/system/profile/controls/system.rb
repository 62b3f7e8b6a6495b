control 'units' do
  describe service('plain') do
    it { should be_installed }
    it { should_not be_enabled }
  end
  describe service('masked') do
    it { should_not be_installed }
    it { should_not be_enabled }
    it { should_not be_running }
  end
  describe service('other') do
    it { should be_installed }
    it { should be_enabled }
    it { should be_running }
  end
  describe systemd_service('getty@tty7') do
    it { should be_installed }
    it { should be_enabled }
  end
  describe service('getty@tty1') do
    it { should be_installed }
    it { should_not be_enabled }
  end
  describe service('none') do
    it { should_not be_installed }
    it { should_not be_running }
  end
end

control 'packages' do
  describe package('kept') do
    it { should be_installed }
    its('version') { should eq '1:2.10-1' }
  end
  describe package('gone') do
    it { should_not be_installed }
  end
  describe package('half') do
    it { should_not be_installed }
  end
  describe packages(/.*/) do
    its('names') { should include 'kept' }
    its('statuses') { should include 'installed' }
  end
end

control 'sysctl' do
  {
    'net.ipv4.ip_forward' => 0,
    'kernel.sysrq' => 0,
    'kernel.dmesg_restrict' => 1,
    'net.ipv4.conf.all.rp_filter' => 2,
  }.each do |name, value|
    describe kernel_parameter(name) do
      its('value') { should eq value }
    end
  end
end

# A kernel has a value of its own where no file sets one.
control 'sysctl unset' do
  describe kernel_parameter('net.ipv4.conf.eth0.rp_filter') do
    its('value') { should_not eq 2 }
  end
  describe kernel_parameter('kernel.masked') do
    its('value') { should be_nil }
  end
end

control 'sshd' do
  describe sshd_config do
    its('PermitRootLogin') { should eq 'no' }
    its('PasswordAuthentication') { should include 'no' }
    its('Port') { should cmp %w(22 2222) }
    its('MaxAuthTries') { should be_nil }
    its('Include') { should eq '/etc/ssh/sshd_config.d/*.conf' }
  end
end
