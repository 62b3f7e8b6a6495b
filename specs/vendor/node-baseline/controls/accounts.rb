control 'accounts-1' do
  impact 1.0
  title 'Password hashes are for root and its group alone'
  tag nist: ['AC-3']

  describe file('/etc/shadow') do
    it { should exist }
    it { should be_owned_by 'root' }
    it { should_not be_readable.by('others') }
    it { should_not be_writable.by('group') }
  end
end

control 'accounts-2' do
  impact 1.0
  title 'root alone has the id 0'

  describe passwd.uids(0) do
    its('users') { should cmp 'root' }
    its('count') { should eq 1 }
  end
end

control 'accounts-3' do
  impact 0.4
  title 'Files of people are not open to everybody'

  describe login_defs do
    its('UMASK') { should eq input('umask') }
  end
end
