control 'set-id' do
  describe suid_check(['/srv/7/500', '/srv/8/500']) do
    its('diff') { should be_empty }
  end
end

control 'each' do
  describe Dir.glob('/srv/*/1').length do
    it { should eq 50 }
  end
  describe Dir.glob('/srv/*/*').length do
    it { should eq 50_000 }
  end
end
