control 'aide' do
  describe aide_conf do
    its('selection_lines') { should include '/etc' }
  end
  describe aide_conf.where { !selection_line.start_with? '!' } do
    its('rules') { should all(include('p')) }
  end
  describe aide_conf.all_have_rule('sha512') do
    it { should eq false }
  end
  describe aide_conf('/etc/none.conf') do
    it { should exist }
  end
end

control 'crontab' do
  describe crontab(path: '/etc/cron.d/site').where { command =~ /aide/ } do
    its('hours') { should eq ['4'] }
    its('user') { should eq ['root'] }
  end
  describe crontab(path: '/etc/cron.d/site') do
    its('commands') { should include '/bin/x' }
    its('content') { should match(/^0 0 \* \* \* ops/) }
  end
  describe crontab('root') do
    its('commands') { should eq ['/bin/y', '/bin/z'] }
    its('minutes') { should eq ['-1', '0'] }
  end
  describe crontab('nobody') do
    its('commands') { should be_empty }
  end
  describe crontab(path: '/etc/cron.d/none') do
    its('commands') { should be_empty }
  end
end

control 'hosts' do
  describe etc_hosts.where { ip_address == '127.0.0.1' } do
    its('primary_name') { should eq ['localhost'] }
    its('all_host_names') { should eq [%w(localhost me)] }
  end
  describe etc_hosts_allow.where { daemon == 'sshd' } do
    its('client_list') { should eq [['10.0.0.0/8']] }
  end
  describe etc_hosts_deny do
    its('daemon') { should include 'ALL' }
  end
end

control 'boot' do
  describe grub_conf do
    its('kernel') { should include 'audit=1' }
    its('root') { should eq 'hd0,msdos1' }
    its('GRUB_CMDLINE_LINUX') { should match(/audit=1/) }
  end
  describe grub_conf('/boot/grub/grub.cfg', 'Old') do
    its('kernel') { should include '/old' }
  end
end

control 'servers' do
  describe mysql_conf do
    its('mysqld.port') { should cmp 3306 }
    its('mysqld.local-infile') { should cmp 0 }
  end
  describe apache_conf do
    its('ServerTokens') { should cmp 'Prod' }
    its('LoadModule') { should eq ['a x.so', 'b y.so'] }
  end
  describe postgres_conf do
    its('port') { should eq '5432' }
  end
end

control 'firewall' do
  describe firewalld do
    it { should be_installed }
    it { should be_running }
  end
  describe firewalld.where { zone == 'public' } do
    its('services') { should include ['ssh'] }
  end
end

control 'clock' do
  describe 'the end of support' do
    it 'is over' do
      expect(Date.parse('31 May 2020')).to be < Date.today
    end
    it 'is not over' do
      expect(Date.parse('May 31, 2999')).to be < Date.today, 'it is not'
    end
  end
  describe Date.parse('2020-05-31') do
    its('year') { should eq 2020 }
  end
  describe (Date.new(2024, 3, 1) - Date.parse('Feb 28, 2024')).to_i do
    it { should eq 2 }
  end
  describe Date.new(2024, 2, 30) do
    it { should be_nil }
  end
end
