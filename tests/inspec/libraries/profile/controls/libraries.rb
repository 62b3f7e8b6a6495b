control 'matchers' do
  describe stack('/etc/pam.d/login') do
    its('lines') { should have_line('auth \s required') }
    its('lines') { should have_line('password').with_rounds('>=', 5000) }
    its('lines') { should have_line('password').with_rounds('>=', 9000) }
    its('lines') { should_not have_line('session') }
    its('lines') { should have_line('session').or have_line('auth') }
    its('lines.count') { should eq 3 }
    its('lines.first.words') { should eq %w(pam_unix.so nullok) }
  end
  describe stack('/etc/pam.d/login').lines.of('auth') do
    its('length') { should eq 2 }
  end
end

control 'tables' do
  describe sudo('/etc/sudoers /etc/sudoers.d/*').rules.where { tag == 'NOPASSWD:' } do
    its('users') { should eq ['ops'] }
    its('commands') { should eq ['/bin/x'] }
    its('count') { should eq 1 }
  end
  describe sudo('/etc/sudoers').rules do
    it { should_not be_free }
    its('users') { should eq ['root'] }
  end
  describe sudo('/etc/sudoers') do
    its('settings.Defaults.use_pty') { should eq true }
    its('settings.Defaults.targetpw') { should be_nil }
  end
end

control 'disk' do
  describe File.directory?('/etc/pam.d') do
    it { should eq true }
  end
  describe Dir.glob('/etc/pam.d/*') do
    it { should eq ['/etc/pam.d/login'] }
  end
  # Output of programs that the tree does not decide.
  describe command('cat /etc/sudoers | sort') do
    its('stdout') { should match(/root/) }
  end
  describe File.read('relative') do
    it { should eq '' }
  end
end

control 'forward' do
  describe notes('/etc/pam.d/login') do
    its('first') { should eq '# comment' }
    its('last') { should match(/rounds=5000/) }
    its('width') { should eq 16 }
  end
  describe notes('/etc/absent') do
    its('first') { should be_nil }
  end
  describe notes('/etc/sudoers').line("it's $x") do
    it { should eq "it\\'s\\ \\$x" }
  end
  describe notes('/etc/sudoers') do
    its('sorted') { should match(/root/) }
  end
  describe [nil, '', " \n", [], {}, false, 'x', [nil], 0].map(&:blank?) do
    it { should eq [true, true, true, true, true, true, false, false, false] }
  end
end

['skip', 'fail', 'raise skipped', 'raise failed', 'abstract', 'not at all'].each do |how|
  control "refuses #{how}" do
    describe refuses(how) do
      its('state') { should eq [false, false, nil] }
    end
  end
end

control 'what a refusal says' do
  describe [refuses('skip').state, refuses('raise failed').state] do
    it { should eq [[true, false, 'not for this system'], [false, true, 'cannot be read']] }
  end
end
