control 'links' do
  describe file('/etc/absolute') do
    it { should exist }
    it { should be_symlink }
    it { should be_linked_to '/etc/app.conf' }
    its('mode') { should cmp '0640' }
    its('content') { should match(/^two$/) }
  end
  describe file('/etc/relative') do
    its('link_path') { should eq '/etc/app.conf' }
  end
  describe file('/etc/dangling') do
    it { should_not exist }
    it { should be_symlink }
    its('content') { should be_nil }
  end
  describe file('/etc/loop') do
    it { should_not exist }
  end
  # Out of the tree: the image's own file, never the machine's.
  describe file('/etc/outside') do
    its('content') { should eq "root:x:0:0::/root:/bin/sh\nann:x:4242:4242::/home/ann:/bin/sh\n" }
  end
  describe file('/etc/hard') do
    its('mode') { should cmp '0640' }
    its('size') { should eq 8 }
  end
end

control 'bits' do
  describe file('/usr/bin/tool') do
    its('mode') { should cmp '04755' }
    it { should be_setuid }
    it { should_not be_setgid }
    it { should be_executable.by('other') }
  end
  describe file('/srv') do
    it { should be_setgid }
  end
  describe directory('/var/tmp') do
    it { should exist }
    it { should be_sticky }
  end
  describe directory('/etc/app.conf') do
    it { should_not exist }
  end
  describe file('/etc/pipe') do
    it { should be_pipe }
    its('type') { should eq :pipe }
  end
  describe file('/etc/app.conf') do
    it { should be_more_permissive_than('0600') }
    it { should_not be_more_permissive_than('0644') }
  end
end

control 'content' do
  describe parse_config_file('/etc/latin.conf') do
    its('plain') { should eq 'yes' }
  end
  describe file('/etc/latin.conf') do
    its('content') { should match(/^plain/) }
  end
  describe file('/etc/empty') do
    its('size') { should eq 0 }
    its('content') { should be_empty }
  end
  describe parse_config_file('/etc/empty') do
    its('x') { should be_nil }
  end
  describe file(nil) do
    it { should_not exist }
  end
end

# What is absent is no proof of a setting.
control 'absent' do
  describe file('/etc/none') do
    it { should_not be_executable }
    its('mode') { should_not cmp '0777' }
  end
end

# Whoever may not look into a directory does not get at its files by a link either.
control 'by user' do
  describe file('/etc/within') do
    it { should be_readable }
    it { should_not be_readable.by_user('ann') }
  end
  describe file('/etc/readable') do
    it { should be_readable.by_user('ann') }
    it { should_not be_writable.by_user('ann') }
    its('shallow_link_path') { should eq 'passwd' }
  end
end
