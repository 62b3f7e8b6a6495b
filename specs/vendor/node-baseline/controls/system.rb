settings = {
  'kernel.randomize_va_space' => 2,
  'fs.protected_hardlinks' => 1,
  'net.ipv4.ip_forward' => 0
}

control 'system-1' do
  impact 0.7
  title 'The kernel is set up with care'

  settings.each do |name, value|
    describe kernel_parameter(name) do
      its('value') { should eq value }
    end
  end
end

control 'system-2' do
  impact 0.7
  title 'No server of an old protocol is installed'

  input('forbidden_packages').each do |name|
    describe package(name) do
      it { should_not be_installed }
    end
  end
end

control 'system-3' do
  impact 0.5
  title 'Names of accounts are found'

  describe command('getent passwd munge') do
    its('exit_status') { should eq 0 }
    its('stdout') { should match(%r{^munge:}) }
  end
end

control 'system-4' do
  impact 0.7
  title 'The machine can be reached'

  describe service('ssh') do
    it { should be_installed }
    it { should be_enabled }
    it { should be_running }
  end
end

control 'system-5' do
  impact 0.3
  title 'Updates install themselves'

  describe package('unattended-upgrades') do
    it { should be_installed }
  end
end
