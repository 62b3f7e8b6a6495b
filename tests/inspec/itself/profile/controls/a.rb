include_controls 'itself'

control 'own' do
  describe file('/etc') do
    it { should be_directory }
  end
end
