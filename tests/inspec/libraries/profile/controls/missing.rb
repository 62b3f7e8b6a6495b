control 'missing: refused' do
  describe(swallows) { its('count') { should eq 3 } }
end

control 'missing: asked' do
  describe swallows('/x') do
    its('count') { should eq 3 }
    its('other') { should eq 'missing other' }
  end
end

control 'supports: not this system' do
  describe(elsewhere) { its('state') { should_not eq 2 } }
end

control 'supports: this system' do
  describe(here) { its('state') { should eq 1 } }
end

control 'what nil lacks' do
  describe(of_nothing) { its('state') { should eq 1 } }
end

control 'the last part' do
  describe ['a:b:c'.rpartition(':'), '/usr/lib/x'.rpartition('/').first, 'abc'.rpartition(':')] do
    it { should eq [['a:b', ':', 'c'], '/usr/lib', ['', '', 'abc']] }
  end
end
