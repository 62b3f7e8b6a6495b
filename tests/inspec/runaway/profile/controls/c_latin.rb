control 'café' do
  describe file('/etc/short') do
    it { should exist }
  end
end
