# What rpm's record says of packages.
control 'package' do
  describe package('bash') do
    it { should be_installed }
    its('version') { should eq '5.1.8-9.el9' }
    its('version') { should cmp >= '5.1' }
    its('info') { should include(type: 'rpm') }
  end
  describe package('openssh-server') do
    its('version') { should eq '8.7p1-38.el9' }
  end
  describe package('bash.x86_64') do
    it { should be_installed }
    its('version') { should eq '5.1.8-9.el9' }
  end
  %w{bash-5.1.8 bash-5.1.8-9.el9 bash-5.1.8-9.el9.x86_64}.each do |label|
    describe package(label) do
      it { should be_installed }
    end
  end
  %w{bash.i686 bash-5.1 bash-5.1.8-9.el9.i686 ash.x86_64 bash:x86_64}.each do |label|
    describe package(label) do
      it { should_not be_installed }
    end
  end
  describe package('telnet-server') do
    it { should_not be_installed }
    its('version') { should be_nil }
  end
end

control 'packages' do
  describe packages(/^kernel/) do
    its('versions') { should eq ['5.14.0-70.el9', '5.14.0-362.el9'] }
    its('statuses') { should all(eq 'installed') }
    its('architectures') { should include 'x86_64' }
  end
  describe packages(/^part/).where { version =~ /^1\.1[0-4]/ } do
    its('entries.count') { should eq 5 }
  end
end
