def again(n)
  again(n + 1)
end

control 'before' do
  describe file('/etc/short') do
    it { should exist }
  end
end

control 'loops' do
  i = 0
  i += 1 while true
  describe i do
    it { should eq 0 }
  end
end

control 'loops-in-an-example' do
  describe 'a loop' do
    it 'ends' do
      loop { nil }
    end
  end
end

control 'allocates' do
  text = 'a' * 1000
  text += text while true
end

control 'allocates-a-list' do
  list = Array.new(1_000_000_000, 0)
  describe list do
    its('length') { should eq 0 }
  end
end

control 'recurses' do
  describe again(0) do
    it { should eq 0 }
  end
end

control 'backtracks' do
  describe file('/etc/long') do
    its('content') { should match(/^(?:(a+)\1?)+b/) }
  end
end

control 'one-line' do
  describe parse_config_file('/etc/long') do
    its('a') { should be_nil }
  end
  describe file('/etc/long') do
    its('content.length') { should eq 10_485_760 }
    its('content') { should_not match(/b/) }
  end
end

control 'throws' do
  throw :nowhere
end

control 'after' do
  describe file('/etc/short') do
    its('content') { should eq "a\n" }
  end
end
