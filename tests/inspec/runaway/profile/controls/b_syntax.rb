control 'never-read' do
  describe file('/etc/short' do
end
