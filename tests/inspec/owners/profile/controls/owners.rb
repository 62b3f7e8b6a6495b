control 'owners' do
  describe file('/etc/passwd') do
    its('owner') { should be_nil }
    its('group') { should be_nil }
    it { should_not be_owned_by 'root' }
    it { should be_owned_by 'root' }
  end
  describe file('/etc/old') do
    its('mtime') { should eq 1_000_000_000 }
    it 'is older than a day' do
      expect(subject.mtime).to be <= Time.now.to_i - 86_400
    end
  end
  describe user('root') do
    it { should_not exist }
  end
end

# Nobody reads a database of rpm: what it holds is not known.
control 'packages' do
  describe package('bash') do
    it { should be_installed }
    it { should_not be_installed }
  end
  describe packages(/^bash$/) do
    its('names') { should be_empty }
  end
end

control 'elsewhere' do
  describe registry_key('HKLM') do
    it { should exist }
  end
  describe interface('eth0') do
    it { should be_up }
  end
end
